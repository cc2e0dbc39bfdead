import type { IpamPool, NetworkEndpoint, NetworkInspect, SubnetStatus } from "../../api/network.ts"
import type { Networking, NetworkRecord, Sandbox } from "../../network/contract.ts"
import { subnetUse } from "../../network/subnet-use.ts"
import type { Int64 } from "../../std/json.ts"
import type { Container } from "../containers/record/container.ts"
import type { NetworkDocument } from "./catalog.ts"

/** A network as `GET /networks/{id}` shows it: with its containers and the use of its addresses. */
export const inspectNetwork = (
  document: NetworkDocument,
  networking: Networking,
  containers: readonly Container[],
): NetworkInspect => ({
  ...describeNetwork(document, networking, containers),
  Status: { IPAM: { Subnets: subnetsOf(document, networking) } },
})

/** The highest number of the API's statistics. */
const most = 2n ** 64n - 1n
const atMost = (value: bigint): Int64 => {
  const bounded = value > most ? most : value
  return bounded > BigInt(Number.MAX_SAFE_INTEGER) ? bounded : Number(bounded)
}

function subnetsOf({ id }: NetworkDocument, networking: Networking): Record<string, SubnetStatus> {
  const record = networking.network(id)
  if (!record) return {}
  const endpoints = networking.sandboxes().flatMap((sandbox) => endpointIn(sandbox, id) ?? [])
  return Object.fromEntries(
    subnetUse(record, endpoints).map(({ subnet, inUse, available }) => [
      subnet,
      { IPsInUse: atMost(inUse), DynamicIPsAvailable: atMost(available) },
    ]),
  )
}

/** A network as the list of networks shows it; with `containers` those among them that are in it. */
export function describeNetwork(
  document: NetworkDocument,
  networking: Networking,
  containers: readonly Container[],
): NetworkInspect {
  const record = networking.network(document.id)
  return {
    Name: document.name,
    Id: document.id,
    Created: document.created,
    Scope: "local",
    Driver: document.driver,
    EnableIPv4: document.ipv4,
    EnableIPv6: record?.ipv6 ?? document.ipv6,
    IPAM: { ...document.ipam, Config: poolsOf(document, record) },
    Internal: document.internal,
    Attachable: document.attachable,
    Ingress: document.ingress,
    ConfigFrom: { Network: document.configFrom },
    ConfigOnly: document.configOnly,
    Containers: containersIn(document, networking, containers),
    Options: document.name === "bridge" && record ? defaultBridgeOptions(record) : document.options,
    Labels: document.labels,
  }
}

/** What was asked for, as it was asked for; for a family without a wish, what it got. */
function poolsOf(document: NetworkDocument, record: NetworkRecord | undefined): readonly IpamPool[] | null {
  if (document.driver === "host" || document.driver === "null") return document.ipam.Config
  const asked = document.ipam.Config ?? []
  const given = (six: boolean) => asked.filter(({ Subnet }) => Subnet?.includes(":") === six)
  const got = (six: boolean) =>
    (record?.subnets ?? [])
      .filter(({ subnet }) => subnet.includes(":") === six)
      .map(
        ({ subnet, range, gateway, auxiliary }): IpamPool => ({
          Subnet: subnet,
          ...(range ? { IPRange: range } : {}),
          ...(gateway ? { Gateway: gateway } : {}),
          ...(Object.keys(auxiliary).length > 0 ? { AuxiliaryAddresses: auxiliary } : {}),
        }),
      )
  return [false, true].flatMap((six) => {
    const pools = given(six)
    if (pools.length === 0) return got(six)
    return pools.map((pool) => {
      const gateway = record?.subnets.find(({ subnet }) => subnet === pool.Subnet)?.gateway
      return pool.Gateway || !gateway ? pool : { ...pool, Gateway: gateway }
    })
  })
}

function containersIn(
  { id, driver, name }: NetworkDocument,
  networking: Networking,
  containers: readonly Container[],
): Record<string, NetworkEndpoint> {
  const entries = containers.flatMap((container): [string, NetworkEndpoint][] => {
    if (driver === "host" || driver === "null") {
      const joined = container.running ? container.state.sandbox?.networks[name] : undefined
      if (!joined) return []
      return [
        [
          container.id,
          { Name: container.name, EndpointID: joined.endpointId, MacAddress: "", IPv4Address: "", IPv6Address: "" },
        ],
      ]
    }
    const endpoint = endpointIn(networking.sandbox(container.id), id)
    if (!endpoint) return []
    return [
      [
        container.id,
        {
          Name: container.name,
          EndpointID: endpoint.id,
          MacAddress: endpoint.macAddress,
          IPv4Address: endpoint.ipv4 ? `${endpoint.ipv4.address}/${endpoint.ipv4.prefixLength}` : "",
          IPv6Address: endpoint.ipv6 ? `${endpoint.ipv6.address}/${endpoint.ipv6.prefixLength}` : "",
        },
      ],
    ]
  })
  return Object.fromEntries(entries)
}

const endpointIn = (sandbox: Sandbox | undefined, networkId: string) =>
  sandbox?.endpoints.find((endpoint) => endpoint.networkId === networkId)

const defaultBridgeOptions = (record: NetworkRecord): Record<string, string> => ({
  "com.docker.network.bridge.default_bridge": "true",
  "com.docker.network.bridge.enable_icc": record.options["com.docker.network.bridge.enable_icc"] ?? "true",
  "com.docker.network.bridge.enable_ip_masquerade":
    record.options["com.docker.network.bridge.enable_ip_masquerade"] ?? "true",
  "com.docker.network.bridge.host_binding_ipv4":
    record.options["com.docker.network.bridge.host_binding_ipv4"] ?? "0.0.0.0",
  "com.docker.network.bridge.name": record.hostInterface,
  "com.docker.network.driver.mtu": String(record.mtu),
})
