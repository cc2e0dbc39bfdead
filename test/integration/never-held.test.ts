import { afterAll, beforeAll, expect, test } from "bun:test"
import { TestDaemon } from "../fixtures/daemon.ts"
import { freePort } from "../fixtures/free-port.ts"
import { Pinger } from "../fixtures/pinger.ts"

const metrics = `127.0.0.1:${await freePort(1)}`
let daemon: TestDaemon
let pinger: Pinger

beforeAll(async () => {
  daemon = await TestDaemon.start(["--metrics-addr", metrics])
  await daemon.bootstrap()
  const names = Array.from({ length: 300 }, (_, at) => `many-${at}`)
  for (const name of names) {
    await daemon.json("POST", `/containers/create?name=${name}`, {
      Image: "busybox",
      HostConfig: { NetworkMode: "none" },
    })
  }
  pinger = await Pinger.start(daemon.socket)
})
afterAll(async () => {
  pinger?.[Symbol.dispose]()
  await daemon?.[Symbol.asyncDispose]()
})

/**
 * Holds that pings were answered while the work went on. How long one may take depends on the machine; that none took most of the time, as
 * it does when the daemon's thread is held by the work, does not.
 */
async function servesDuring(work: () => Promise<{ readonly status: number }>): Promise<void> {
  let status = 0
  const { answered, longest, took } = await pinger.during(async () => {
    status = (await work()).status
  })
  expect(status).toBe(200)
  expect(answered).toBeGreaterThan(1)
  expect(longest).toBeLessThan(took / 2)
}

test("lists of hundreds of containers, with their sizes, let others be served", () =>
  servesDuring(() => daemon.get("/containers/json?all=1&size=1")))

test("the disk's usage with hundreds of containers lets others be served", () =>
  servesDuring(() => daemon.get("/system/df")))

test("metrics tell for how long the daemon's thread was held", async () => {
  const text = await (await fetch(`http://${metrics}/metrics`)).text()
  expect(text).toMatch(/^barge_event_loop_stall_seconds_count [1-9]/m)
  expect(text).toMatch(/^barge_event_loop_longest_stall_seconds [0-9.e-]+$/m)
})
