# SPDX-License-Identifier: GPL-2.0-only
"""tools/packages: builds the Debian and RPM packages, and tries them."""
