/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_BITOPS_H
#define SHIM_BITOPS_H

#define hweight64(w)	__builtin_popcountll(w)

#endif /* SHIM_BITOPS_H */
