# SPDX-License-Identifier: GPL-2.0-only
"""`tools/bench`: what ksonde costs, measured."""
