/* SPDX-License-Identifier: GPL-2.0-only */
/* Ends one use of the rows; included many times, so without a guard. */
#undef KS_EVENT
#undef KS_EVENT_PLAIN
#undef KS_END
#undef KS_U16
#undef KS_U32
#undef KS_U64
#undef KS_S32
#undef KS_S64
#undef KS_CHARS
#undef KS_BYTES
#undef KS_STR
#undef KS_VEC
#undef KS_LIST
