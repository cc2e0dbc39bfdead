import { expect, test } from "bun:test"
import { someConfig } from "../../../../test/fixtures/container-config.ts"
import { commandOf, mergeImageConfig } from "./merge.ts"
import { environmentOf } from "./spec.ts"

const image = {
  Entrypoint: ["/entry"],
  Cmd: ["serve"],
  Env: ["PATH=/image", "A=image"],
  User: "ana",
  WorkingDir: "/app",
}
const command = (changes: Parameters<typeof someConfig>[0]) => commandOf(mergeImageConfig(someConfig(changes), image))

test("entrypoint and command follow Docker's table", () => {
  expect(command({})).toEqual(["/entry", "serve"])
  expect(command({ Cmd: ["other"] })).toEqual(["/entry", "other"])
  expect(command({ Entrypoint: ["/own"] })).toEqual(["/own"])
  expect(command({ Entrypoint: ["/own"], Cmd: ["x"] })).toEqual(["/own", "x"])
  expect(command({ Entrypoint: [""], Cmd: ["x"] })).toEqual(["x"])
  expect(command({ Entrypoint: [], Cmd: ["x"] })).toEqual(["x"])
})

test("without any command nothing can be made", () => {
  expect(() => mergeImageConfig(someConfig(), {})).toThrow("no command specified")
  expect(() => mergeImageConfig(someConfig({ Entrypoint: [""] }), { Entrypoint: ["/entry"] })).toThrow("no command")
})

test("the request's variables win, the image's are added", () => {
  const merged = mergeImageConfig(someConfig({ Env: ["A=own", "B=2"] }), image)
  expect(merged.Env).toEqual(["A=own", "B=2", "PATH=/image"])
  expect(merged.User).toBe("ana")
  expect(merged.WorkingDir).toBe("/app")
})

test("a process sees PATH, HOSTNAME and TERM unless they are given; a bare name takes a variable away", () => {
  expect(environmentOf(someConfig({ Tty: true, Env: ["PATH=/own", "X=1"] }))).toEqual([
    "PATH=/own",
    "HOSTNAME=c0ffee",
    "TERM=xterm",
    "X=1",
  ])
  expect(environmentOf(someConfig({ Env: ["HOSTNAME", "NOTHING"] }))).toEqual([
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  ])
})

test("a health check takes from the image what it leaves open", () => {
  const own = { Interval: 5_000_000_000 }
  const theirs = { Test: ["CMD", "check"], Interval: 1, Retries: 4 }
  expect(mergeImageConfig(someConfig({ Cmd: ["x"], Healthcheck: own }), { Healthcheck: theirs }).Healthcheck).toEqual({
    Test: ["CMD", "check"],
    Interval: 5_000_000_000,
    Retries: 4,
  })
})
