import { describe, expect, test } from "bun:test"
import { mkdirSync, readlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { mount, umount } from "../../src/linux/mount.ts"
import { findInit } from "../../src/runtime/init.ts"
import { cgroupHost, TestContainers, testedRuntimes } from "../fixtures/containers.ts"

type Start = Parameters<TestContainers["start"]>

for (const info of await testedRuntimes())
  describe(`containers under ${info.name}`, () => {
    /** Runs a script in a container. @returns what it printed */
    async function run(
      script: string,
      host: Start[1] = {},
      config: Start[2] = {},
      input: Start[3] = {},
    ): Promise<string> {
      await using containers = new TestContainers(info)
      writeFileSync(
        join(containers.bundles.rootfs, "etc/passwd"),
        "root:x:0:0::/root:/bin/sh\nana:x:1000:100::/home/ana:\n",
      )
      writeFileSync(join(containers.bundles.rootfs, "etc/group"), "users:x:100:\naudio:x:29:ana\n")
      await using container = await containers.start(["/bin/sh", "-c", script], host, config, input)
      return await container.output()
    }

    test("root has the fourteen capabilities and the filter; devices, paths and host name are its own", async () => {
      const script =
        "grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status; hostname; ls /dev | grep -v core; cat /proc/keys /proc/timer_list 2>&1 | grep -v No.such | wc -c; echo x >/proc/sys/kernel/printk; echo $HOSTNAME $HOME $PATH $A"
      expect(await run(script, {}, { Env: ["A=b"] })).toBe(
        [
          "CapEff:\t00000000a80425fb",
          "CapBnd:\t00000000a80425fb",
          "NoNewPrivs:\t0",
          "Seccomp:\t2",
          "c0ffee",
          "fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero".replaceAll(" ", "\n"),
          "0",
          "/bin/sh: can't create /proc/sys/kernel/printk: Read-only file system",
          "c0ffee /root /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin b",
          "",
        ].join("\n"),
      )
    })

    test("a user by name has its groups and home and no effective capability, execs likewise", async () => {
      await using containers = new TestContainers(info)
      const root = containers.bundles.rootfs
      writeFileSync(join(root, "etc/passwd"), "root:x:0:0::/root:/bin/sh\nana:x:1000:100::/home/ana:\n")
      writeFileSync(join(root, "etc/group"), "audio:x:29:ana\n")
      const script = "id -u; id -g; id -G; echo $HOME; grep CapEff /proc/self/status"
      const line = ["/bin/sh", "-c", `${script}; exec sleep 1000 >/dev/null 2>&1`]
      await using container = await containers.start(line, { GroupAdd: ["7"] }, { User: "ana" })
      const ana = "1000\n100\n100 7 29\n/home/ana\nCapEff:\t0000000000000000\n"
      expect(await container.output()).toBe(ana)
      expect(await container.exec(["/bin/sh", "-c", script])).toBe(ana)
      expect(await container.exec(["/bin/sh", "-c", "id -u; echo $HOME"], { user: "0" })).toBe("0\n/root\n")
    })

    test("a privileged container has every capability, no filter, and a writable /sys and /proc/sys", async () => {
      const script =
        "grep Seccomp: /proc/self/status; grep CapEff /proc/self/status; test -c /dev/kmsg && echo kmsg; mount -t tmpfs none /tmp && echo mounted; test -w /proc/sys/kernel/printk && echo writable"
      const output = await run(script, { Privileged: true })
      expect(output).toMatch(/^Seccomp:\t0\nCapEff:\t0000[0-9a-f]{12}\nkmsg\nmounted\nwritable\n$/)
      expect(output).not.toContain("a80425fb")
    })

    test("a read-only root refuses writes; tmpfs, /dev/shm and bind mounts take them", async () => {
      await using containers = new TestContainers(info)
      const source = join(containers.bundles.directory, "source")
      mkdirSync(join(source, "below"), { recursive: true })
      mount({ source: "none", target: join(source, "below"), type: "tmpfs" })
      try {
        const script =
          "for d in / /tmp /dev/shm /rw /ro /ro/below; do touch $d/x 2>/dev/null && echo $d; done; grep ' /dev/shm ' /proc/self/mountinfo | grep -o size=.*; grep ' /tmp ' /proc/self/mountinfo | grep -o 'rw,no[a-z,]*'"
        for (const name of ["rw", "ro"]) mkdirSync(join(containers.bundles.rootfs, name))
        await using container = await containers.start(
          ["/bin/sh", "-c", script],
          { ReadonlyRootfs: true, Tmpfs: { "/tmp": "size=1m" }, ShmSize: 4096 * 1024 },
          {},
          {
            mounts: [
              { type: "bind", source, destination: "/rw", readonly: false },
              { type: "bind", source, destination: "/ro/", readonly: true },
            ],
          },
        )
        expect(await container.output()).toBe("/tmp\n/dev/shm\n/rw\nsize=4096k\nrw,nosuid,nodev,noexec,relatime\n")
      } finally {
        umount(join(source, "below"), { detach: true })
      }
    })

    test("init is process 1 and reaps", async () => {
      if (!findInit()) return
      const script = "cat /proc/1/cmdline | head -c 17; echo; echo $$ | grep -v '^1$' | wc -l"
      expect(await run(script, { Init: true })).toBe("/sbin/docker-init\n1\n")
    })

    test("limits of the process: ulimits, oom score, no new privileges, sysctls, working directory", async () => {
      const script =
        "ulimit -n; ulimit -c; cat /proc/self/oom_score_adj; grep NoNewPrivs /proc/self/status; cat /proc/sys/net/core/somaxconn /proc/sys/net/ipv4/ip_unprivileged_port_start; pwd"
      const host = {
        Ulimits: [
          { Name: "nofile", Soft: 100, Hard: 200 },
          { Name: "core", Soft: -1, Hard: -1 },
        ],
        OomScoreAdj: 500,
        SecurityOpt: ["no-new-privileges"],
        Sysctls: { "net.core.somaxconn": "77" },
      }
      expect(await run(script, host, { WorkingDir: "/made/for/it" })).toBe(
        "100\nunlimited\n500\nNoNewPrivs:\t1\n77\n0\n/made/for/it\n",
      )
    })

    test("namespaces of another container are joined; the host's are kept where asked", async () => {
      await using containers = new TestContainers(info)
      await using first = await containers.start(["/bin/sleep", "1000"])
      const ids = ["sh", "-c", "cd /proc/self/ns; for n in pid ipc uts net; do readlink $n; done"]
      const own = (await first.exec(["/bin/busybox", ...ids])).split("\n")
      const joined = { PidMode: "container:x", IpcMode: "host", UTSMode: "host", NetworkMode: "container:x" }
      await using second = await containers.start(
        ["/bin/busybox", ...ids],
        joined,
        { Hostname: "" },
        {
          pidFrom: { pid: first.pid },
          network: { path: `/proc/${first.pid}/ns/net` },
        },
      )
      const theirs = (await second.output()).split("\n")
      expect(theirs).toEqual([
        own[0]!,
        readlinkSync("/proc/self/ns/ipc"),
        readlinkSync("/proc/self/ns/uts"),
        own[3]!,
        "",
      ])
    })

    test("a profile of one's own replaces the default", async () => {
      const profile = {
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 28 }],
      }
      const output = await run("mkdir /tmp/d; unshare -U true && echo unshared", {
        SecurityOpt: [`seccomp=${JSON.stringify(profile)}`],
      })
      expect(output).toBe("mkdir: can't create directory '/tmp/d': No space left on device\nunshared\n")
      expect(await run("grep Seccomp: /proc/self/status", { SecurityOpt: ["seccomp=unconfined"] })).toBe(
        "Seccomp:\t0\n",
      )
    })

    test("a private cgroup namespace shows the container its own group as the root", async () => {
      const output = await run("cat /proc/self/cgroup", { CgroupnsMode: "private" })
      expect(
        output
          .trim()
          .split("\n")
          .filter((line) => !line.startsWith("0:") && !line.endsWith(":/")),
      ).toEqual([])
      expect(await run("cat /proc/self/cgroup", { CgroupnsMode: "host" })).toContain("/barge-test-")
    })

    test("the cgroup tree in the container is read-only", async () => {
      const where = cgroupHost.mode === "unified" ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory"
      expect(await run(`mkdir ${where}/sub; ls ${where} | grep -c procs`)).toBe(
        `mkdir: can't create directory '${where}/sub': Read-only file system\n1\n`,
      )
    })
  })
