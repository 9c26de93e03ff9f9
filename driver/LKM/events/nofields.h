/* SPDX-License-Identifier: GPL-2.0-only */
/* For a use of the rows that is about events only; included many times. */
#define KS_U16(f, format, doc)
#define KS_U32(f, format, doc)
#define KS_U64(f, format, doc)
#define KS_S32(f, format, doc)
#define KS_S64(f, format, doc)
#define KS_CHARS(f, n, format, doc)
#define KS_BYTES(f, n, format, doc)
#define KS_STR(f, format, doc)
#define KS_VEC(f, format, doc)
#define KS_LIST(f, of, format, doc)
