import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { eventually } from "../../test/fixtures/eventually.ts"
import { Launches, type LaunchProgram } from "./launches.ts"

const sleeper = () => Bun.spawn(["sleep", "1000"])

/** Waits until a process that is started now is younger than `pid` by the kernel's clock of 10 ms. */
async function aTickLater(pid: number): Promise<void> {
  const ticks = () => readFileSync(`/proc/${pid}/stat`, "latin1").split(" ")[21]
  const uptime = () => readFileSync("/proc/uptime", "latin1").split(" ")[0]!.replace(".", "")
  await eventually(async () => Number(uptime()) > Number(ticks()), "the clock has moved on")
}

for (const [kind, whileItRuns] of [
  ["enter", false],
  ["runtime", true],
] as const satisfies readonly (readonly [LaunchProgram, boolean])[]) {
  test(`a launch by ${kind} may ${whileItRuns ? "" : "not "}leave a process here while its program runs, and may when that has ended`, async () => {
    const launches = new Launches()
    const older = sleeper()
    await aTickLater(older.pid)
    const launch = launches.begin()
    const program = sleeper()
    launch.started(program.pid, kind)
    const younger = sleeper()
    expect([older, younger].map(({ pid }) => launches.mayHaveLeft(pid))).toEqual([false, whileItRuns])
    program.kill()
    await program.exited
    expect([older, younger].map(({ pid }) => launches.mayHaveLeft(pid))).toEqual([false, true])
    launch[Symbol.dispose]()
    expect(launches.mayHaveLeft(younger.pid)).toBe(false)
    for (const each of [older, younger]) {
      each.kill()
      await each.exited
    }
  })
}
