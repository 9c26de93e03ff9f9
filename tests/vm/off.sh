#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# In a machine booted with ksonde=off: the driver refuses to load, and says why.
set -u
if said=$(insmod "$KSONDE_KO" 2>&1); then
	echo "off.sh: the driver loaded"
	exit 1
fi
case $said in
*"Operation not permitted"*) ;;
*)
	echo "off.sh: insmod said: $said"
	exit 1
	;;
esac
dmesg | grep -q 'ksonde: not loaded: the kernel command line says ksonde=off' || {
	echo "off.sh: the kernel's log does not say why"
	exit 1
}
[ ! -e /dev/ksonde ] && [ ! -e /sys/module/ksonde ]
