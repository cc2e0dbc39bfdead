import { afterAll, beforeAll, expect, test } from "bun:test"
import { type Outcome, TestDaemon } from "../fixtures/daemon.ts"
import { eventually } from "../fixtures/eventually.ts"
import { Attacker, mayTrace, untilKept } from "./attacker.ts"
import { exposure } from "./exposure.ts"
import { processesOf } from "./processes.ts"

let daemon: TestDaemon
beforeAll(async () => {
  daemon = await TestDaemon.start()
  await daemon.bootstrap()
})
afterAll(() => daemon[Symbol.asyncDispose]())

/** The answer to `provoke`, with every process released that the attacker keeps meanwhile. */
async function undisturbed(attacker: Attacker, provoke: (attacker: Attacker) => Promise<Outcome>): Promise<Outcome> {
  const answer = provoke(attacker)
  let outcome: Outcome | undefined
  void answer.then((given) => {
    outcome = given
  })
  while (!outcome) {
    if (attacker.keeps !== undefined) attacker.release()
    await Promise.race([answer, attacker.noticed])
  }
  return outcome
}

/** Ways by which a process comes into a container while it runs: each is attacked. Add one here. */
const ways: Readonly<Record<string, (attacker: Attacker) => Promise<Outcome>>> = {
  exec: ({ name }) => daemon.docker("exec", name, "true"),
  "exec with a terminal": ({ name }) => daemon.docker("exec", "-t", name, "true"),
  "exec as a user": ({ name }) => daemon.docker("exec", "-u", "1000", name, "true"),
  "detached exec": ({ name }) => daemon.docker("exec", "-d", name, "true"),
  "exec of a program that is not there": ({ name }) => daemon.docker("exec", name, "/nowhere"),
}

for (const [way, provoke] of Object.entries(ways))
  test(`a process that is seized before it is its program gives nothing away: ${way}`, async () => {
    await using attacker = await Attacker.start(daemon, "hold")
    const { answer } = await untilKept(attacker, () => provoke(attacker))
    expect(exposure(await attacker.pid(), attacker.keeps!)).toEqual([])
    attacker.release()
    await answer
  })

for (const way of ["exec", "exec with a terminal"])
  test(`a process that is held for ever holds up nobody else, and is removed with its container: ${way}`, async () => {
    await using attacker = await Attacker.start(daemon, "hold")
    const { answer } = await untilKept(attacker, () => ways[way]!(attacker))
    expect((await daemon.docker("run", "--rm", "busybox", "echo", "other")).stdout).toBe("other\n")
    expect((await daemon.docker("rm", "-f", attacker.name)).code).toBe(0)
    // It may have run to its end in the moment between the end of its tracer and its own.
    await answer
    await eventually(async () => !processesOf("/memfd:enter", daemon.bridge), "the end of the programs that enter")
  })

test("a health check's process that is seized before it is its program gives nothing away", async () => {
  await using attacker = await Attacker.start(daemon, "hold", {
    flags: [...mayTrace, "--health-cmd", "true", "--health-interval", "20ms"],
  })
  while (attacker.keeps === undefined) await attacker.noticed
  expect(exposure(await attacker.pid(), attacker.keeps)).toEqual([])
  attacker.release()
})

for (const how of ["kill", "overwrite"])
  for (const way of ["exec", "exec with a terminal"])
    test(`after an attacker's ${how} no process of the host is left, and the next exec works: ${way}`, async () => {
      await using attacker = await Attacker.start(daemon, how)
      const { answer } = await untilKept(attacker, () => ways[way]!(attacker))
      attacker.release()
      expect((await answer).code).toBe(126)
      await eventually(async () => !processesOf("/memfd:enter"), "the end of the programs that enter")
      while ((await undisturbed(attacker, ways[way]!)).code !== 0);
    })

test("copying files starts no process in a container", async () => {
  await using attacker = await Attacker.start(daemon, "hold")
  expect((await daemon.docker("cp", `${attacker.name}:/bin/busybox`, "-")).code).toBe(0)
  expect((await daemon.docker("cp", `${import.meta.dir}`, `${attacker.name}:/tmp`)).code).toBe(0)
  expect([attacker.keeps, attacker.seen]).toEqual([undefined, []])
  // An exec that is over soon may slip by; the attacker does see those that come.
  do expect((await undisturbed(attacker, ways["exec"]!)).code).toBe(0)
  while (attacker.seen.length + attacker.released === 0)
})
