import { describe, expect, test } from "bun:test"
import { existsSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { openCgroup } from "../../src/linux/cgroup.ts"
import { cgroupHost, TestContainers, testedRuntimes } from "../fixtures/containers.ts"

const megabyte = 1024 * 1024

for (const info of await testedRuntimes())
  describe(`limits under ${info.name}`, () => {
    test("memory: what takes more is killed, and the kill is counted", async () => {
      await using containers = new TestContainers(info)
      const hungry =
        "head -c 200000000 /dev/zero | tail -c 100000000 >/dev/null; echo ended $?; sleep 1000 >/dev/null 2>&1"
      await using container = await containers.start(["/bin/sh", "-c", hungry], { Memory: 32 * megabyte })
      // The kernel may choose the shell beside the one that takes the memory.
      expect(await container.output()).toMatch(/^$|ended (137|1)\n/)
      expect(container.cgroup.oomKills()).toBeGreaterThan(0)
      const { memory } = container.cgroup.stats()
      expect(memory!.limit).toBe(BigInt(32 * megabyte))
      expect(memory!.usage).toBeLessThan(BigInt(32 * megabyte) + 1n)
    })

    test("memory and swap together: swap is no way out", async () => {
      await using containers = new TestContainers(info)
      const host = { Memory: 32 * megabyte, MemorySwap: 32 * megabyte }
      await using container = await containers.start(["/bin/sleep", "1000"], host)
      expect(container.spec.linux.resources!.memory).toEqual({ limit: 32 * megabyte, swap: 32 * megabyte })
      const file = cgroupHost.mode === "unified" ? "memory.swap.max" : "memory.memsw.limit_in_bytes"
      expect(await Bun.file(`${directoryOf("memory", container.cgroup.path)}/${file}`).text()).toBe(
        cgroupHost.mode === "unified" ? "0\n" : `${32 * megabyte}\n`,
      )
    })

    test("pids: a fork bomb ends at the limit", async () => {
      await using containers = new TestContainers(info)
      const bomb = "i=0; while [ $i -lt 60 ]; do sleep 1000 >/dev/null 2>&1 & i=$((i+1)); done; echo made $i"
      await using container = await containers.start(["/bin/sh", "-c", bomb], { PidsLimit: 20 })
      expect(await container.output()).toContain("can't fork")
      const { pids } = container.cgroup.stats()
      expect(pids!.limit).toBe(20n)
      expect(pids!.current).toBeLessThanOrEqual(20n)
    })

    test("pids: a container of one process starts, and cannot start a second", async () => {
      if (!info.cgroupsByUs) return
      await using containers = new TestContainers(info)
      const script = "while ! read go </tmp/go; do :; done 2>/dev/null; ls; echo never"
      rmSync(join(containers.bundles.rootfs, "tmp/go"), { force: true })
      await using container = await containers.start(["/bin/sh", "-c", script], { PidsLimit: 1 })
      expect(container.cgroup.stats().pids!.limit).toBe(1n)
      writeFileSync(join(containers.bundles.rootfs, "tmp/go"), "go\n")
      expect(await container.output()).toBe("/bin/sh: can't fork: Resource temporarily unavailable\n")
    })

    test("cpus: a busy process is throttled to its share", async () => {
      await using containers = new TestContainers(info)
      const busy = "while :; do :; done"
      // So little that it comes to its limit also where others want the processor.
      await using container = await containers.start(["/bin/sh", "-c", busy], { NanoCpus: 50_000_000 })
      const before = container.cgroup.stats().cpu!
      const start = process.hrtime.bigint()
      while ((container.cgroup.stats().cpu!.throttledPeriods ?? 0n) < (before.throttledPeriods ?? 0n) + 10n)
        await Bun.sleep(20)
      const share = Number(container.cgroup.stats().cpu!.usage - before.usage) / Number(process.hrtime.bigint() - start)
      expect(share).toBeLessThan(0.2)
      expect(share).toBeGreaterThan(0.005)
    })

    test("cpuset: processes stay on the CPUs that were given", async () => {
      await using containers = new TestContainers(info)
      const script = "grep Cpus_allowed_list /proc/self/status"
      await using container = await containers.start(["/bin/sh", "-c", script], { CpusetCpus: "0" })
      expect(await container.output()).toBe("Cpus_allowed_list:\t0\n")
    })

    test("devices: root with CAP_MKNOD makes a node of the host's disk, and cannot open it", async () => {
      await using containers = new TestContainers(info)
      const probe =
        "rm -f /tmp/n; mknod /tmp/n b 254 0 && echo made; head -c 1 /tmp/n; echo $?; rm -f /tmp/k; mknod /tmp/k c 1 1; cat /tmp/k"
      const expected = [
        "made",
        "head: /tmp/n: Operation not permitted",
        "1",
        "cat: can't open '/tmp/k': Operation not permitted",
        "",
      ].join("\n")
      await using container = await containers.start(["/bin/sh", "-c", `${probe}; exec sleep 1000 >/dev/null 2>&1`])
      expect(await container.output()).toBe(expected)
      expect(await container.exec(["/bin/sh", "-c", probe])).toBe(expected)
      expect(await container.exec(["/bin/sh", "-c", probe], { privileged: true })).toBe(expected)
    })

    test("devices: the usual ones work, a mapped one too, and only as it was mapped", async () => {
      await using containers = new TestContainers(info)
      const script =
        "head -c 2 /dev/zero | wc -c; head -c 2 /dev/urandom | wc -c; echo x >/dev/null && echo null; (: </dev/kmsg2) && echo read; (: >/dev/kmsg2) || echo no write"
      const Devices = [{ PathOnHost: "/dev/kmsg", PathInContainer: "/dev/kmsg2", CgroupPermissions: "r" }]
      const host = { Devices, CapAdd: ["SYSLOG"] }
      await using container = await containers.start(["/bin/sh", "-c", script], host)
      expect(await container.output()).toBe(
        "2\n2\nnull\nread\n/bin/sh: can't create /dev/kmsg2: Operation not permitted\nno write\n",
      )
    })

    test("a privileged container may use every device", async () => {
      await using containers = new TestContainers(info)
      const script = "rm -f /tmp/k; mknod /tmp/k c 1 11 && cat /dev/null </tmp/k && echo opened"
      await using container = await containers.start(["/bin/sh", "-c", script], { Privileged: true })
      expect(await container.output()).toBe("opened\n")
    })

    test("freeze stops everything, thaw lets it go on, update changes limits while it runs", async () => {
      await using containers = new TestContainers(info)
      const busy = "while :; do :; done"
      await using container = await containers.start(["/bin/sh", "-c", busy], { Memory: 64 * megabyte })
      await container.cgroup.freeze()
      expect(container.cgroup.frozen()).toBe(true)
      const { usage } = container.cgroup.stats().cpu!
      await Bun.sleep(30)
      expect(container.cgroup.stats().cpu!.usage - usage).toBeLessThan(2_000_000n)
      await container.cgroup.thaw()
      expect(container.cgroup.frozen()).toBe(false)
      while (container.cgroup.stats().cpu!.usage - usage < 5_000_000n) await Bun.sleep(5)
      container.cgroup.update({ memory: { limit: 128 * megabyte, swap: 256 * megabyte } })
      container.cgroup.update({ memory: { limit: 48 * megabyte, swap: 48 * megabyte }, pids: { limit: 7 } })
      expect(container.cgroup.stats().memory!.limit).toBe(BigInt(48 * megabyte))
      expect(container.cgroup.stats().pids!.limit).toBe(7n)
    })

    test("kill ends frozen processes and their children; nothing is left behind", async () => {
      await using containers = new TestContainers(info)
      const container = await containers.start(["/bin/sh", "-c", "sleep 1000 & sleep 1001 & wait"])
      await container.cgroup.freeze()
      const { path } = container.cgroup
      await container[Symbol.asyncDispose]()
      expect(await container.output()).toBe("")
      expect(openCgroup(cgroupHost, path).exists()).toBe(false)
      expect(existsSync(`${containers.bundles.stateRoot}/${container.id}`)).toBe(false)
    })
  })

test("a limit that the kernel refuses is named, and nothing of the group stays", () => {
  if (cgroupHost.mode === "unified") return
  const cgroup = openCgroup(cgroupHost, `/barge-test-${process.pid}-refused`)
  expect(() => cgroup.create({ cpu: { cpus: "4000" } })).toThrow("cannot set the CPU set to 4000")
  expect(cgroup.exists()).toBe(false)
})

function directoryOf(controller: string, path: string): string {
  const hierarchy = cgroupHost.hierarchies.find((one) => one.controllers.includes(controller))
  return (hierarchy?.mountPoint ?? cgroupHost.unified ?? "/sys/fs/cgroup") + path
}
