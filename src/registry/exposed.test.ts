import { expect, test } from "bun:test"
import { exposures } from "./exposed.ts"

const none = { auth: { type: "none" } } as const
const users = { auth: { type: "htpasswd", file: "f", realm: "r" } } as const
const tls = { cert: "c", key: "k" }

test("a registry that others reach says that it has no users and no TLS", () => {
  const [push, plain] = exposures(none, "0.0.0.0:5000")
  expect(push).toStartWith("everybody who reaches 0.0.0.0:5000 may push, pull and delete: name users (--htpasswd)")
  expect(plain).toStartWith("images cross the network unencrypted: give --tls-cert")
  expect(exposures(none, "[::]:5000")).toHaveLength(2)
  expect(exposures(users, "10.0.0.1:5000")).toEqual([expect.stringContaining("passwords and images cross")])
  expect(exposures({ ...none, tls }, "0.0.0.0:5000")).toEqual([push!])
})

test("nothing is said where only this machine reaches it, or users and TLS guard it", () => {
  for (const address of ["127.0.0.1:5000", "[::1]:5000", "localhost:5000"]) expect(exposures(none, address)).toEqual([])
  expect(exposures({ ...users, tls }, "0.0.0.0:5000")).toEqual([])
  expect(exposures({ ...none, tls: { ...tls, clientCa: "ca" } }, "0.0.0.0:5000")).toEqual([])
})
