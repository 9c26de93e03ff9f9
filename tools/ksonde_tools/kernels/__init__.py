# SPDX-License-Identifier: GPL-2.0-only
"""tools/kernels: builds, boots and tries the driver on every supported kernel."""
