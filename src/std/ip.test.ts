import { expect, test } from "bun:test"
import { addressOf, cidrOf, contains, formatAddress, formatSubnet, overlap } from "./ip.ts"

test("addresses of both families are read, and written in one way", () => {
  for (const [given, written] of [
    ["10.0.0.1", "10.0.0.1"],
    ["FD00:0:0:1::000a", "fd00:0:0:1::a"],
    ["::", "::"],
    ["::ffff:1.2.3.4", "::ffff:102:304"],
    ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
  ] as const)
    expect(formatAddress(addressOf(given)!)).toBe(written)
  for (const wrong of ["", "10.0.0", "fe80::1%eth0", "1::2::3", "web"]) expect(addressOf(wrong)).toBeUndefined()
})

test("subnets know what lies in them", () => {
  const of = (text: string) => cidrOf(text)!.subnet
  expect(formatSubnet(of("10.1.2.3/16"))).toBe("10.1.0.0/16")
  expect(formatSubnet(of("fd00::1:2/112"))).toBe("fd00::1:0/112")
  expect(contains(of("10.1.0.0/16"), addressOf("10.1.255.255")!)).toBe(true)
  expect(contains(of("::/0"), addressOf("10.1.0.1")!)).toBe(false)
  expect(overlap(of("10.0.0.0/8"), of("10.9.0.0/24"))).toBe(true)
  expect(overlap(of("10.8.0.0/24"), of("10.9.0.0/24"))).toBe(false)
  for (const wrong of ["10.0.0.0/33", "10.0.0.0", "fd00::/129"]) expect(cidrOf(wrong)).toBeUndefined()
})
