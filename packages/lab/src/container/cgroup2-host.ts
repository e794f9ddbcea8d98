import type { MachineProfile } from "../machine/image.ts";

/**
 * A host for containers whose control groups are all of the second version, as those of Debian are: the computer that
 * the lab runs on has whatever it has.
 */
export const CGROUP2_HOST: MachineProfile = {
  name: "containers",
  sources: ["container/cgroup2-init.sh", "container/cgroup2-host.ts"],
  packages: ["lxc", "apparmor"],
  modules: ["bridge", "veth", "loop", "overlay"],
  folders: [],
  notNeeded:
    /^(usr\/share\/(doc|man|info|locale|bash-completion|lintian|python3|perl5|bug|zsh|pixmaps|dbus-1|polkit-1)|usr\/lib\/python3.*|usr\/lib\/udev|usr\/lib\/systemd|usr\/bin\/(python3.*|perl.*|.*debconf.*)|usr\/lib\/x86_64-linux-gnu\/(gconv|perl.*)|usr\/lib\/debug|boot|var)$/,
  ready: /CONTAINER-HOST-READY/,
  memoryMib: 1024,
  boot: (image) => [
    ...["-accel", "tcg", "-smp", "1", "-cpu", "max"],
    ...["-kernel", image.kernel, "-initrd", image.system],
    ...["-append", "console=ttyS0 quiet mitigations=off panic=-1"],
  ],
};
