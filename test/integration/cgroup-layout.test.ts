import { afterAll, beforeAll, expect, test } from "bun:test"
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { detectCgroups } from "../../src/linux/cgroup.ts"
import { executable, TestDaemon } from "../fixtures/daemon.ts"

/** A daemon that is started before cgroup2 is mounted beside v1, as on hosts where another program does so later. */
const place = "/sys/fs/cgroup/unified"
const { mode, unified } = detectCgroups()
const reason = mode === "hybrid" && unified === place ? "" : ` (skipped: needs a host with v1 and cgroup2 at ${place})`

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "barge-layout-"))
})
afterAll(() => rmSync(folder, { recursive: true }))

test.skipIf(reason !== "")(
  `containers start when cgroup2 appears after the daemon has started, and when it goes${reason}`,
  async () => {
    const without = join(folder, "barge")
    const script = `umount ${place} && exec ${executable} "$@"`
    writeFileSync(without, `#!/bin/sh\nexec unshare -m --propagation private sh -c '${script}' barge "$@"\n`)
    chmodSync(without, 0o755)
    await using daemon = await TestDaemon.start([], without)
    await daemon.bootstrap()
    const change = async (...command: readonly string[]) => {
      const { code, stderr } = await daemon.run("nsenter", "-t", String(daemon.pid), "-m", ...command)
      expect([command.join(" "), code, stderr]).toEqual([command.join(" "), 0, ""])
    }
    const docker = async (...args: string[]) => {
      const { code, stdout, stderr } = await daemon.docker(...args)
      if (code !== 0) throw new Error(`docker ${args.join(" ")}: ${stderr}\n${daemon.log}`)
      return stdout.trim()
    }
    expect(daemon.log).toContain("cgroups=legacy")
    await docker("run", "-d", "--name", "before", "busybox", "top")
    await change("mount", "-t", "cgroup2", "none", place)
    expect(await docker("run", "--rm", "busybox", "echo", "there")).toBe("there")
    expect(daemon.log).toContain("cgroups=hybrid")
    await docker("run", "-d", "--name", "after", "busybox", "top")
    for (const name of ["before", "after"]) {
      await docker("exec", name, "true")
      await docker("pause", name)
      await docker("unpause", name)
      await docker("restart", "-t", "0", name)
    }
    await change("umount", place)
    expect(await docker("run", "--rm", "busybox", "echo", "gone")).toBe("gone")
    await docker("rm", "-f", "before", "after")
  },
)
