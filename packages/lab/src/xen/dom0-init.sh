#!/bin/bash
# The first process of dom0: everything a Xen host has, from an initramfs. Says "XEN-HOST-READY" on its console when `xl` answers.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=vt100
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts -o gid=5,mode=620 pts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs run /run
mount -t tmpfs -o size=90% tmp /tmp
mkdir -p /run/lock /run/xen /run/xenstored /run/xen-hotplug /var/log/xen /var/lib/xen /var/lib/xen/dump
# Xen's block script waits for ever without these.
ln -sfn /proc/self/fd /dev/fd
ln -sf fd/0 /dev/stdin
ln -sf fd/1 /dev/stdout
ln -sf fd/2 /dev/stderr

while read -r module; do insmod "/modules/$module"; done < /modules/order
mount -t xenfs xen /proc/xen
hostname dom0
echo "127.0.0.1 localhost dom0" > /etc/hosts
ip link set lo up
ip link set eth0 up
ip address add 10.0.2.15/24 dev eth0
ip route add default via 10.0.2.2
ip link add xenbr0 type bridge
ip link set xenbr0 up
if [ -e /sys/class/net/eth1 ]; then
  ip link set eth1 master xenbr0
  ip link set eth1 up
fi

XEN=$(echo /usr/lib/xen-[0-9]*/bin)
"$XEN/xenstored" --pid-file /run/xenstored.pid
"$XEN/xen-init-dom0"
"$XEN/xenconsoled" --pid-file=/run/xenconsoled.pid --log=guest --log-dir=/var/log/xen
dropbear -R -E -s -p 22
xl info > /run/xl-info && echo "XEN-HOST-READY $(grep ^xen_version /run/xl-info)"
# The kernel panics when its first process ends.
while :; do sleep 1000000 & wait; done
