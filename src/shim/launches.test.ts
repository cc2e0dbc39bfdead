import { expect, test } from "bun:test"
import { Launches } from "./launches.ts"

test("a launch may have left a process here from the end of its first program until it is over", async () => {
  const launches = new Launches()
  const launch = launches.begin()
  expect(launches.mayHaveLeft).toBe(false)
  const program = Bun.spawn(["sleep", "1000"])
  launch.started(program.pid)
  expect(launches.mayHaveLeft).toBe(false)
  program.kill()
  await program.exited
  expect(launches.mayHaveLeft).toBe(true)
  launch[Symbol.dispose]()
  expect(launches.mayHaveLeft).toBe(false)
})
