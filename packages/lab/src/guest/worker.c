/*
 * The whole user space of the test guest: init, and the workers it forks. Built static, packed as /init.
 *
 * Kernel command line (see xml.ts, which writes it):
 *   guest.heartbeat=US                  a line on virtio port hb.0 every US microseconds: its number, the monotonic
 *                                       and the real time in ns, wrong pages, finished writes of each writer
 *   guest.write=DEV:BLOCK:US[:SPAN]     write BLOCK bytes to /dev/DEV every US microseconds, round and round in SPAN bytes
 *   guest.memory=MIB:US                 keep MIB of counting pages, count one MiB up every US microseconds
 *   guest.ip=ADDRESS                    address of eth0 (/24)
 *   guest.poweroff=S  guest.reboot=S  guest.panic=S    do that after S seconds
 *   guest.deaf                          ignore the power button
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/input.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_WRITERS 8
#define SECTOR 512
#define SECTOR_WORDS (SECTOR / 4)
#define MAGIC_LOW 0x54524956u  /* "VIRT" */
#define MAGIC_HIGH 0x4853454du /* "MESH" */

/* Finished writes of each writer, shared by all processes: the heartbeat tells them to the host. */
static volatile uint64_t *finished;
/* Pages of the memory counter that were found wrong; shared and told likewise. */
static volatile uint64_t *wrong_pages;
static int writers;

static uint64_t now_ns(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void nap_us(long us) {
  struct timespec t = {us / 1000000, (us % 1000000) * 1000};
  nanosleep(&t, NULL);
}

/* One write, so that lines of several workers do not mix on the console. */
static void say(const char *format, ...) {
  char line[512];
  va_list args;
  va_start(args, format);
  int n = vsnprintf(line, sizeof line - 1, format, args);
  va_end(args);
  if (n < 0) return;
  if (n > (int)sizeof line - 2) n = sizeof line - 2;
  line[n++] = '\n';
  if (write(1, line, (size_t)n) < 0) return;
}

static void heartbeat(long period_us) {
  char path[64];
  int fd = -1;
  for (int i = 0; i < 100 && fd < 0; i++) {
    DIR *ports = opendir("/sys/class/virtio-ports");
    for (struct dirent *e; ports && fd < 0 && (e = readdir(ports));) {
      char name_path[320], name[32] = "";
      snprintf(name_path, sizeof name_path, "/sys/class/virtio-ports/%s/name", e->d_name);
      FILE *f = fopen(name_path, "r");
      if (!f) continue;
      if (fgets(name, sizeof name, f) && !strncmp(name, "hb.0", 4)) {
        snprintf(path, sizeof path, "/dev/%.50s", e->d_name);
        fd = open(path, O_WRONLY | O_NONBLOCK);
      }
      fclose(f);
    }
    if (ports) closedir(ports);
    if (fd < 0) nap_us(50000);
  }
  if (fd < 0) {
    say("HEARTBEAT-MISSING no virtio port hb.0");
    _exit(1);
  }
  for (uint64_t seq = 0;; seq++) {
    char line[256];
    int n = snprintf(line, sizeof line, "%llu %llu %llu %llu", (unsigned long long)seq,
                     (unsigned long long)now_ns(CLOCK_MONOTONIC), (unsigned long long)now_ns(CLOCK_REALTIME),
                     (unsigned long long)*wrong_pages);
    for (int w = 0; w < writers; w++) n += snprintf(line + n, sizeof line - n, " %llu", (unsigned long long)finished[w]);
    line[n++] = '\n';
    /* With nobody at the other end the beat is lost, not queued: a late beat would hide a gap. */
    if (write(fd, line, (size_t)n) < 0 && errno != EAGAIN) nap_us(1000);
    nap_us(period_us);
  }
}

/* verify.ts makes the same sector again from its number and place. */
static void fill_sector(uint32_t *w, uint64_t seq, uint64_t offset, uint32_t writer) {
  w[0] = MAGIC_LOW;
  w[1] = MAGIC_HIGH;
  w[2] = (uint32_t)seq;
  w[3] = (uint32_t)(seq >> 32);
  w[4] = (uint32_t)offset;
  w[5] = (uint32_t)(offset >> 32);
  w[6] = writer;
  uint32_t x = ((uint32_t)seq * 0x9e3779b1u) ^ (uint32_t)(offset / SECTOR) ^ 0x5bd1e995u;
  for (int i = 8; i < SECTOR_WORDS; i++) {
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    w[i] = x;
  }
  uint32_t h = 0x811c9dc5u;
  for (int i = 0; i < SECTOR_WORDS; i++)
    if (i != 7) h = (h ^ w[i]) * 16777619u;
  w[7] = h;
}

static void write_disk(int writer, const char *dev, long block, long period_us, uint64_t span) {
  char path[64];
  snprintf(path, sizeof path, "/dev/%s", dev);
  int fd = -1;
  for (int i = 0; i < 100 && fd < 0; i++) {
    fd = open(path, O_RDWR | O_DIRECT | O_DSYNC);
    if (fd < 0) nap_us(50000);
  }
  uint64_t size = 0;
  if (fd < 0 || ioctl(fd, BLKGETSIZE64, &size) < 0) {
    say("WRITE-ERROR %s cannot be opened errno=%d", dev, errno);
    _exit(1);
  }
  if (!span || span > size) span = size;
  uint64_t blocks = span / (uint64_t)block;
  uint32_t *buffer;
  if (!blocks || posix_memalign((void **)&buffer, 4096, (size_t)block)) _exit(1);

  /* After a reboot the numbers go on where they were. */
  uint64_t next = 0;
  for (uint64_t b = 0; b < blocks; b++) {
    if (pread(fd, buffer, 4096, (off_t)(b * (uint64_t)block)) != 4096) break;
    if (buffer[0] != MAGIC_LOW || buffer[1] != MAGIC_HIGH) break;
    uint64_t seq = buffer[2] | ((uint64_t)buffer[3] << 32);
    if (seq + 1 > next) next = seq + 1;
  }
  for (uint64_t seq = next;; seq++) {
    uint64_t offset = (seq % blocks) * (uint64_t)block;
    for (long i = 0; i < block; i += SECTOR) fill_sector(buffer + i / 4, seq, offset + (uint64_t)i, (uint32_t)writer);
    while (pwrite(fd, buffer, (size_t)block, (off_t)offset) != block) {
      say("WRITE-ERROR %s seq=%llu offset=%llu errno=%d", dev, (unsigned long long)seq, (unsigned long long)offset, errno);
      nap_us(500000);
    }
    finished[writer] = seq + 1;
    if (period_us) nap_us(period_us);
  }
}

/* Every page holds how often it was counted; a page that went back or jumped was lost or mixed up on the way. */
static void count_memory(uint64_t mib, long period_us) {
  const uint64_t pages = mib << 8;
  volatile char *memory = mmap(NULL, mib << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) {
    say("MEMORY-ERROR cannot have %llu MiB", (unsigned long long)mib);
    _exit(1);
  }
  for (uint64_t round = 0;; round++)
    for (uint64_t page = 0; page < pages; page++) {
      volatile uint64_t *p = (volatile uint64_t *)(memory + (page << 12));
      if (p[0] != round || (round && p[511] != (round ^ page))) {
        ++*wrong_pages;
        say("MEMORY-WRONG page=%llu is=%llu expected=%llu", (unsigned long long)page, (unsigned long long)p[0], (unsigned long long)round);
      }
      p[0] = round + 1;
      p[511] = (round + 1) ^ page;
      if ((page & 255) == 255 && period_us) nap_us(period_us);
    }
}

static struct pollfd buttons[8];

/* Before the guest calls itself ready: a press that comes then must be heard. */
static int open_buttons(void) {
  int n = 0;
  for (int i = 0; i < 8; i++) {
    char path[32];
    snprintf(path, sizeof path, "/dev/input/event%d", i);
    int fd = open(path, O_RDONLY);
    if (fd >= 0) buttons[n++] = (struct pollfd){.fd = fd, .events = POLLIN};
  }
  return n;
}

static void await_power_button(int n) {
  while (poll(buttons, (nfds_t)n, -1) >= 0)
    for (int i = 0; i < n; i++) {
      struct input_event e;
      if (!(buttons[i].revents & POLLIN) || read(buttons[i].fd, &e, sizeof e) != sizeof e) continue;
      if (e.type == EV_KEY && e.code == KEY_POWER && e.value) {
        say("GUEST-POWERDOWN");
        sync();
        reboot(RB_POWER_OFF);
      }
    }
}

static void after(const char *what, long seconds) {
  nap_us(seconds * 1000000);
  say("GUEST-%s", what);
  sync();
  if (!strcmp(what, "poweroff")) reboot(RB_POWER_OFF);
  if (!strcmp(what, "reboot")) reboot(RB_AUTOBOOT);
  int fd = open("/proc/sysrq-trigger", O_WRONLY);
  if (fd >= 0 && write(fd, "c", 1) < 0) say("GUEST-panic failed errno=%d", errno);
}

static void set_address(const char *address) {
  struct ifreq r = {0};
  struct sockaddr_in *in = (struct sockaddr_in *)&r.ifr_addr;
  int s = socket(AF_INET, SOCK_DGRAM, 0);
  strcpy(r.ifr_name, "eth0");
  in->sin_family = AF_INET;
  int failed = inet_pton(AF_INET, address, &in->sin_addr) != 1 || ioctl(s, SIOCSIFADDR, &r) < 0;
  inet_pton(AF_INET, "255.255.255.0", &in->sin_addr);
  failed = failed || ioctl(s, SIOCSIFNETMASK, &r) < 0 || ioctl(s, SIOCGIFFLAGS, &r) < 0;
  r.ifr_flags |= IFF_UP | IFF_RUNNING;
  if (failed || ioctl(s, SIOCSIFFLAGS, &r) < 0) say("GUEST-NETWORK failed errno=%d", errno);
  close(s);
}

static void load_modules(void) {
  FILE *order = fopen("/modules/order", "r");
  char name[256], path[300];
  while (order && fgets(name, sizeof name, order)) {
    name[strcspn(name, "\n")] = 0;
    snprintf(path, sizeof path, "/modules/%s", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST))
      say("MODULE-FAILED %s errno=%d", name, errno);
    if (fd >= 0) close(fd);
  }
  if (order) fclose(order);
}

static void disks_text(char *text, size_t size) {
  text[0] = 0;
  DIR *d = opendir("/sys/block");
  for (struct dirent *e; d && (e = readdir(d));) {
    if (e->d_name[0] == '.' || !strncmp(e->d_name, "loop", 4) || !strncmp(e->d_name, "ram", 3)) continue;
    if (text[0]) strncat(text, ",", size - strlen(text) - 1);
    strncat(text, e->d_name, size - strlen(text) - 1);
  }
  if (d) closedir(d);
}

static void start_worker(char *word) {
  char *value = strchr(word, '=');
  char *arg[4] = {"", "", "", ""};
  if (value) {
    *value++ = 0;
    for (int i = 0; i < 4 && value; i++) arg[i] = strsep(&value, ":");
  }
  if (!strcmp(word, "guest.ip")) {
    set_address(arg[0]);
    return;
  }
  int writer = writers;
  if (!strcmp(word, "guest.write") && writers++ >= MAX_WRITERS) return;
  /* The heartbeat starts last: it must know how many writers there are. */
  if (fork()) return;
  if (!strcmp(word, "guest.write")) write_disk(writer, arg[0], atol(arg[1]), atol(arg[2]), strtoull(arg[3], NULL, 0));
  if (!strcmp(word, "guest.memory")) count_memory(strtoull(arg[0], NULL, 0), atol(arg[1]));
  if (!strcmp(word, "guest.poweroff") || !strcmp(word, "guest.reboot") || !strcmp(word, "guest.panic"))
    after(word + 6, atol(arg[0]));
  _exit(0);
}

static void shell_forever(void) {
  for (;;) {
    pid_t shell = fork();
    if (!shell) {
      setsid();
      ioctl(0, TIOCSCTTY, 1);
      char *const argv[] = {"sh", NULL};
      char *const environment[] = {"PATH=/bin", "HOME=/", "TERM=dumb", "PS1=guest# ", NULL};
      execve("/bin/sh", argv, environment);
      _exit(127);
    }
    for (pid_t p; (p = wait(NULL)) != shell;)
      if (p < 0 && errno != EINTR) break;
    nap_us(200000);
  }
}

int main(void) {
  mkdir("/proc", 0755);
  mkdir("/sys", 0755);
  mkdir("/dev", 0755);
  mkdir("/tmp", 01777);
  mount("proc", "/proc", "proc", 0, NULL);
  mount("sys", "/sys", "sysfs", 0, NULL);
  mount("dev", "/dev", "devtmpfs", 0, NULL);
  int console = open("/dev/console", O_RDWR);
  if (console >= 0) {
    dup2(console, 0);
    dup2(console, 1);
    dup2(console, 2);
    if (console > 2) close(console);
  }
  load_modules();
  if (!fork()) {
    char *const argv[] = {"busybox", "--install", "-s", "/bin", NULL};
    execv("/bin/busybox", argv);
    _exit(127);
  }
  finished = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  wrong_pages = finished + MAX_WRITERS;

  char line[4096] = "";
  int fd = open("/proc/cmdline", O_RDONLY);
  ssize_t n = read(fd, line, sizeof line - 1);
  close(fd);
  if (n > 0) line[n] = 0;
  line[strcspn(line, "\n")] = 0;
  long beat = 0;
  int deaf = 0;
  for (char *rest = line, *word; (word = strsep(&rest, " "));) {
    if (!strncmp(word, "guest.heartbeat=", 16)) beat = atol(word + 16);
    else if (!strcmp(word, "guest.deaf")) deaf = 1;
    else if (!strncmp(word, "guest.", 6)) start_worker(word);
  }
  int found = open_buttons();
  if (!deaf && !fork()) await_power_button(found);
  if (beat > 0 && !fork()) heartbeat(beat);
  char disks[256];
  disks_text(disks, sizeof disks);
  say("GUEST-READY uptime_ms=%llu disks=%s", (unsigned long long)(now_ns(CLOCK_BOOTTIME) / 1000000), disks);
  shell_forever();
}
