import { expect, test } from "bun:test"
import { availableCapabilities, defaultCapabilities, processCapabilities, resolveCapabilities } from "./capabilities.ts"

const available = availableCapabilities("CapBnd:\t000001ffffffffff\n")
const resolve = (add: string[], drop: string[], privileged = false) =>
  resolveCapabilities({ add, drop, privileged, available })

test("without wishes a container has the fourteen defaults", () => {
  expect(resolve([], [])).toEqual(defaultCapabilities)
  expect(defaultCapabilities.length).toBe(14)
})

test("names may lack the prefix and be in lower case", () => {
  expect(resolve(["net_admin"], ["CAP_MKNOD"])).toEqual([
    ...defaultCapabilities.filter((name) => name !== "CAP_MKNOD"),
    "CAP_NET_ADMIN",
  ])
})

test("ALL is everything minus what is dropped, or nothing plus what is added", () => {
  expect(resolve(["ALL"], ["SYS_ADMIN"])).toEqual(available.filter((name) => name !== "CAP_SYS_ADMIN"))
  expect(resolve(["CHOWN"], ["all"])).toEqual(["CAP_CHOWN"])
  expect(resolve([], [], true)).toEqual(available)
  expect(available.length).toBe(41)
})

test("unknown capabilities are refused in Docker's words", () => {
  expect(() => resolve(["nope"], [])).toThrow('unknown capability: "CAP_NOPE"')
})

test("a capability outside the bounding set is never given", () => {
  const few = availableCapabilities("CapBnd:\t0000000000000001\n")
  expect(few).toEqual(["CAP_CHOWN"])
  expect(resolveCapabilities({ add: [], drop: [], privileged: false, available: few })).toEqual(["CAP_CHOWN"])
  expect(() => resolveCapabilities({ add: ["SYS_ADMIN"], drop: [], privileged: false, available: few })).toThrow(
    "not available in the current environment",
  )
})

test("users other than root get no effective capabilities", () => {
  expect(processCapabilities(1000, ["CAP_CHOWN"]).effective).toEqual([])
  expect(processCapabilities(1000, ["CAP_CHOWN"]).bounding).toEqual(["CAP_CHOWN"])
  expect(processCapabilities(0, ["CAP_CHOWN"]).effective).toEqual(["CAP_CHOWN"])
})
