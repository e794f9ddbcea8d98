#!/bin/sh
# The first process of a guest of Xen: says that it is there, then a shell on its console.
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
while read -r module; do insmod "/modules/$module"; done < /modules/order
echo "GUEST-READY $(cat /sys/hypervisor/guest_type)"
# With "count" on its command line it counts in memory and says so each second: who looks sees that it is the same one.
if grep -qw count /proc/cmdline; then
  (n=0; while :; do n=$((n + 1)); echo "COUNT $n"; sleep 1; done) &
fi
while :; do setsid cttyhack sh; done
