import { expect, test } from "bun:test"
import { isIP as nodes } from "node:net"
import { isIP } from "./ip-address.ts"

test("addresses are told from other words as node:net tells them", () => {
  const words = [
    "127.0.0.1",
    "255.255.255.255",
    "256.0.0.1",
    "1.2.3",
    "01.2.3.4",
    "1.2.3.4.5",
    "",
    "localhost",
    "::",
    "::1",
    "fe80::1%eth0",
    "2001:db8::1",
    "2001:DB8::A",
    "1:2:3:4:5:6:7:8",
    "1:2:3:4:5:6:7",
    "1::2::3",
    "::ffff:10.0.0.1",
    "::ffff:10.0.0.256",
    "12345::",
    "[::1]",
    "::1/64",
    "::g",
    ":",
    "1:2:3:4:5:6:7:8:9",
    "fe80::1%",
  ]
  expect(words.map((word) => [word, isIP(word)])).toEqual(words.map((word) => [word, nodes(word) as 0 | 4 | 6]))
})
