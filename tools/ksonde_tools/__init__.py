# SPDX-License-Identifier: GPL-2.0-only
"""What stands behind the commands of tools/: kernels, builds, virtual machines, checks."""
