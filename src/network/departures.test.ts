import { expect, test } from "bun:test"
import { execFileSync } from "node:child_process"
import { setTimeout as pause } from "node:timers/promises"
import { NetlinkSocket } from "../linux/netlink.ts"
import { Departures } from "./departures.ts"

test("every link has the whole time to go by itself, whenever others were let go", async () => {
  const wait = 200
  const names = ["a", "b"].map((letter) => `bd${process.pid.toString(36)}${letter}`)
  for (const name of names) execFileSync("ip", ["link", "add", name, "type", "bridge"])
  using socket = NetlinkSocket.open()
  const told = new Map<string, number>()
  const both = Promise.withResolvers<void>()
  using departures = new Departures(
    socket,
    (message) => {
      told.set(names.find((name) => message.includes(name))!, performance.now())
      if (told.size === 2) both.resolve()
    },
    wait,
  )
  const expected = new Map<string, number>()
  for (const name of names) {
    expected.set(name, performance.now())
    departures.expect(name)
    await pause(wait / 2)
  }
  await both.promise
  for (const name of names) expect(told.get(name)! - expected.get(name)!).toBeGreaterThanOrEqual(wait)
  expect(execFileSync("ip", ["-o", "link"]).toString()).not.toContain(names[1]!)
})
