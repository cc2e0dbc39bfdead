import { expect, test } from "bun:test"
import { kindOf } from "../errors/failure.ts"
import { formatAddress, formatSubnet } from "../std/ip.ts"
import { parseAddress, parseCidr } from "./ip.ts"
import { Addresses, chooseSubnet, defaultPools } from "./ipam.ts"

const subnet = (text: string) => parseCidr(text, "subnet").subnet

test("the first pool that no route of the host overlaps is chosen", () => {
  expect(formatSubnet(chooseSubnet(defaultPools, []))).toBe("172.17.0.0/16")
  const taken = [subnet("172.17.4.0/24"), subnet("172.18.0.0/15"), subnet("172.16.0.1/32")]
  expect(formatSubnet(chooseSubnet(defaultPools, taken))).toBe("172.20.0.0/16")
  expect(formatSubnet(chooseSubnet([{ base: "10.9.0.0/16", size: 24 }], [subnet("10.9.0.0/23")]))).toBe("10.9.2.0/24")
})

test("pools that are used up say which flag helps", () => {
  expect(() => chooseSubnet(defaultPools, [subnet("0.0.0.0/0")])).toThrow("--default-address-pool")
  expect(() => chooseSubnet([{ base: "10.0.0.0/24", size: 16 }], [])).toThrow("cannot be cut")
})

test("the lowest free address is chosen, a released one too if nothing can still have it", () => {
  const addresses = new Addresses(subnet("10.0.0.0/29"), { reserved: [parseAddress("10.0.0.1")] })
  const first = addresses.allocate()
  expect(formatAddress(first)).toBe("10.0.0.2")
  addresses.reserve(parseAddress("10.0.0.3"))
  expect(formatAddress(addresses.allocate())).toBe("10.0.0.4")
  addresses.release(first, false)
  expect(addresses.has(first)).toBe(true)
  expect(formatAddress(addresses.allocate())).toBe("10.0.0.2")
  addresses.release(first, true)
  const rest = Array.from({ length: 3 }, () => formatAddress(addresses.allocate()))
  expect(rest).toEqual(["10.0.0.5", "10.0.0.6", "10.0.0.2"])
  expect(() => addresses.allocate()).toThrow("no available IPv4 addresses")
})

test("IPv6 networks are as large as they are, and two addresses are enough for a network", () => {
  const six = new Addresses(subnet("fd00:1::/64"), { reserved: [parseAddress("fd00:1::1")] })
  expect(formatAddress(six.allocate())).toBe("fd00:1::2")
  const pair = new Addresses(subnet("10.0.0.0/31"), { reserved: [] })
  expect([formatAddress(pair.allocate()), formatAddress(pair.allocate())]).toEqual(["10.0.0.0", "10.0.0.1"])
})

test("the pools do not run out at thirty-one networks", () => {
  const taken: ReturnType<typeof subnet>[] = []
  for (let count = 0; count < 200; count++) taken.push(chooseSubnet(defaultPools, taken))
  expect(formatSubnet(taken[30]!)).toBe("192.168.240.0/20")
  expect(formatSubnet(taken[199]!)).toBe("10.192.168.0/24")
})

test("automatic choice stays in the fixed range, asking by name does not", () => {
  const addresses = new Addresses(subnet("10.0.0.0/24"), {
    range: subnet("10.0.0.128/30"),
    reserved: [parseAddress("10.0.0.1")],
  })
  expect(Array.from({ length: 4 }, () => formatAddress(addresses.allocate()))).toEqual([
    "10.0.0.128",
    "10.0.0.129",
    "10.0.0.130",
    "10.0.0.131",
  ])
  addresses.reserve(parseAddress("10.0.0.7"))
  expect(() => addresses.reserve(parseAddress("10.0.0.7"))).toThrow("Address already in use")
  expect(() => addresses.reserve(parseAddress("10.0.1.7"))).toThrow("is not in the network 10.0.0.0/24")
  expect(() => new Addresses(subnet("10.0.0.0/24"), { range: subnet("10.1.0.0/24"), reserved: [] })).toThrow("not part")
})

test("what is no address is refused", () => {
  for (const text of ["1.2.3", "1.2.3.256", "01.2.3.4", "a.b.c.d", ""]) expect(() => parseAddress(text)).toThrow()
  expect(() => parseCidr("10.0.0.0/33", "--bip")).toThrow("--bip 10.0.0.0/33")
})

test("used-up pools and subnets are not called too many requests: clients would ask again", () => {
  const pool = [{ base: "10.9.0.0/24", size: 24 }]
  const taken = [subnet("10.9.0.0/24")]
  const kind = (work: () => unknown) => {
    try {
      work()
      return "nothing"
    } catch (error) {
      return kindOf(error)
    }
  }
  expect(kind(() => chooseSubnet(pool, taken))).toBe("invalidArgument")
})
