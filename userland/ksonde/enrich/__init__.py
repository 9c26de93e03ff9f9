# SPDX-License-Identifier: GPL-2.0-only
"""Names for the numbers in records: users, interfaces, namespaces."""
