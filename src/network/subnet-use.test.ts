import { expect, test } from "bun:test"
import type { Endpoint, NetworkRecord, SubnetConfig } from "./contract.ts"
import { subnetUse } from "./subnet-use.ts"

const network = (...subnets: Partial<SubnetConfig>[]) =>
  ({ subnets: subnets.map((each) => ({ auxiliary: {}, ...each })) }) as unknown as NetworkRecord
const endpoint = (ipv4?: string, ipv6?: string) =>
  ({
    ...(ipv4 ? { ipv4: { address: ipv4, prefixLength: 24 } } : {}),
    ...(ipv6 ? { ipv6: { address: ipv6, prefixLength: 64 } } : {}),
  }) as Endpoint

test("network address, broadcast address and gateway are in use in an empty subnet", () => {
  expect(subnetUse(network({ subnet: "172.16.0.0/16", gateway: "172.16.0.1" }), [])).toEqual([
    { subnet: "172.16.0.0/16", inUse: 3n, available: 65533n },
  ])
})

test("addresses of containers and auxiliary ones are in use, each in its own subnet", () => {
  const both = network(
    { subnet: "10.1.0.0/24", gateway: "10.1.0.1", auxiliary: { printer: "10.1.0.9" } },
    { subnet: "fd00::/64", gateway: "fd00::1" },
  )
  expect(subnetUse(both, [endpoint("10.1.0.2", "fd00::2"), endpoint("10.1.0.3")])).toEqual([
    { subnet: "10.1.0.0/24", inUse: 6n, available: 250n },
    { subnet: "fd00::/64", inUse: 3n, available: 2n ** 64n - 3n },
  ])
})

test("only addresses of the range can be chosen, the others stay in use", () => {
  const ranged = network({ subnet: "10.1.0.0/24", range: "10.1.0.128/30", gateway: "10.1.0.1" })
  expect(subnetUse(ranged, [endpoint("10.1.0.128"), endpoint("10.1.0.7")])).toEqual([
    { subnet: "10.1.0.0/24", inUse: 5n, available: 3n },
  ])
})

test("a subnet of two addresses has neither a network address nor a broadcast address", () => {
  expect(subnetUse(network({ subnet: "10.1.0.0/31" }), [endpoint("10.1.0.0")])).toEqual([
    { subnet: "10.1.0.0/31", inUse: 1n, available: 1n },
  ])
})
