import { expect, test } from "bun:test"
import { readdirSync, readFileSync } from "node:fs"
import { TestDaemon } from "../fixtures/daemon.ts"

/** More than a start wants to be free, and not enough for a handful of containers. */
const spare = { daemon: 128 + 10, shim: 64 + 10 }

const descriptorsOf = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length

function shimOf(daemon: TestDaemon): number {
  const [, pid] = /shim .* serves .*, PID (\d+)/.exec(readFileSync(`${daemon.root}/run/shim/shim.log`, "utf8"))!
  return Number(pid)
}

for (const [who, pidOf] of [
  ["daemon", (daemon: TestDaemon) => daemon.pid],
  ["shim", shimOf],
] as const)
  test(`a start for which the ${who} lacks descriptors is refused with its limit and how to raise it, and works once it is raised`, async () => {
    await using daemon = await TestDaemon.start()
    await daemon.bootstrap()
    const run = (number: number) => daemon.docker("run", "-d", "--name", `c${number}`, "busybox", "sleep", "100000")
    expect((await run(0)).code).toBe(0)
    const pid = pidOf(daemon)
    const most = descriptorsOf(pid) + spare[who]
    expect((await daemon.run("prlimit", "--pid", String(pid), `--nofile=${most}:`)).code).toBe(0)

    let running = 1
    let last = await run(running)
    for (; last.code === 0; last = await run(running)) running++
    expect(last.stderr).toContain(`the ${who} (PID ${pid}) has `)
    expect(last.stderr).toContain(`may have ${most}, too few`)
    expect(last.stderr).toContain(`raise its limit with "prlimit --pid ${pid} --nofile=1048576"`)
    expect((await daemon.docker("inspect", "-f", "{{.State.Status}}", `c${running}`)).stdout).toBe("created\n")
    expect(readdirSync(`${daemon.root}/run/bundles/moby`)).toHaveLength(running)
    // What runs can still be looked into and be removed.
    expect((await daemon.docker("ps", "-q")).stdout.trim().split("\n")).toHaveLength(running)
    expect((await daemon.docker("rm", "-f", "c0")).code).toBe(0)

    const hard = /^Max open files +\d+ +(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, "utf8"))![1]
    expect((await daemon.run("prlimit", "--pid", String(pid), `--nofile=${hard}:`)).code).toBe(0)
    expect(await daemon.docker("start", `c${running}`)).toMatchObject({ code: 0, stderr: "" })
  })
