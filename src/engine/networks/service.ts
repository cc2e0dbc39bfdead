import { exactMatch, type Filters, labelsMatch, patternMatch } from "../../api/filters.ts"
import type {
  NetworkCreateResponse,
  NetworkEndpoint,
  NetworkInspect,
  NetworksPruneResponse,
} from "../../api/network.ts"
import type { Scope } from "../../core/scope.ts"
import { Failure } from "../../errors/failure.ts"
import type { BridgeNetwork } from "../../network/contract.ts"
import { networkIdOf } from "../containers/exit.ts"
import type { ContainerRegistry } from "../containers/registry.ts"
import type { Networks } from "./contract.ts"

const predefined = { bridge: "bridge", host: "host", none: "null" } as const

/** The predefined networks. Further ones cannot be made yet; asking for them says so. */
export class PredefinedNetworks implements Networks {
  readonly #registry: ContainerRegistry
  readonly #bridge: BridgeNetwork | undefined
  readonly #created: string

  /** @param created RFC 3339, shown as the networks' time of creation */
  constructor(options: {
    readonly registry: ContainerRegistry
    readonly bridge?: BridgeNetwork
    readonly created: string
  }) {
    this.#registry = options.registry
    this.#bridge = options.bridge
    this.#created = options.created
  }

  async list(_scope: Scope, filters: Filters): Promise<readonly NetworkInspect[]> {
    const type = filters.get("type")?.[0]
    if (type !== undefined && type !== "builtin" && type !== "custom") {
      throw new Failure("invalidArgument", `invalid filter: 'type'='${type}'`)
    }
    return this.#all().filter(
      (network) =>
        type !== "custom" &&
        exactMatch(filters, "driver", network.Driver) &&
        exactMatch(filters, "scope", network.Scope) &&
        patternMatch(filters, "name", network.Name) &&
        (filters.get("id") ?? [""]).some((prefix) => network.Id.startsWith(prefix)) &&
        labelsMatch(filters, network.Labels) &&
        filters.get("dangling")?.[0] !== "true",
    )
  }

  async inspect(_scope: Scope, ref: string): Promise<NetworkInspect> {
    return this.#find(ref)
  }

  create(): Promise<NetworkCreateResponse> {
    return Promise.reject(unsupported())
  }

  async remove(_scope: Scope, ref: string): Promise<void> {
    const network = this.#find(ref)
    throw new Failure("permissionDenied", `${network.Name} is a pre-defined network and cannot be removed`)
  }

  async connect(_scope: Scope, ref: string): Promise<void> {
    this.#find(ref)
    throw unsupported()
  }

  async disconnect(_scope: Scope, ref: string): Promise<void> {
    this.#find(ref)
    throw unsupported()
  }

  async prune(): Promise<NetworksPruneResponse> {
    return { NetworksDeleted: null }
  }

  #find(ref: string): NetworkInspect {
    const all = this.#all()
    const found = all.find((network) => network.Id === ref) ?? all.find((network) => network.Name === ref)
    if (found) return found
    const matches = ref === "" ? [] : all.filter((network) => network.Id.startsWith(ref))
    if (matches.length > 1) {
      throw new Failure(
        "invalidArgument",
        `network ${ref} is ambiguous (${matches.length} matches found based on ID prefix)`,
      )
    }
    if (matches[0]) return matches[0]
    throw new Failure("notFound", `network ${ref} not found`)
  }

  #all(): NetworkInspect[] {
    const names = (Object.keys(predefined) as (keyof typeof predefined)[]).filter(
      (name) => name !== "bridge" || this.#bridge,
    )
    return names.map((name) => ({
      Name: name,
      Id: networkIdOf(name),
      Created: this.#created,
      Scope: "local",
      Driver: predefined[name],
      EnableIPv4: true,
      EnableIPv6: false,
      IPAM: {
        Driver: "default",
        Options: null,
        Config: name === "bridge" ? [{ Subnet: this.#bridge!.subnet, Gateway: this.#bridge!.gateway }] : null,
      },
      Internal: false,
      Attachable: false,
      Ingress: false,
      ConfigFrom: { Network: "" },
      ConfigOnly: false,
      Containers: this.#containersIn(name),
      Options: name === "bridge" ? bridgeOptions(this.#bridge!) : {},
      Labels: {},
    }))
  }

  #containersIn(network: string): Record<string, NetworkEndpoint> {
    const entries = this.#registry.all().flatMap((container): [string, NetworkEndpoint][] => {
      const joined = container.state.network
      if (!container.running || joined?.name !== network) return []
      return [
        [
          container.id,
          {
            Name: container.name,
            EndpointID: joined.endpointId,
            MacAddress: joined.macAddress,
            IPv4Address: joined.address ? `${joined.address}/${joined.prefixLength}` : "",
            IPv6Address: "",
          },
        ],
      ]
    })
    return Object.fromEntries(entries)
  }
}

const unsupported = () =>
  new Failure(
    "notImplemented",
    "networks besides bridge, host and none are not supported yet: use --network bridge, host, none or container:NAME",
  )

const bridgeOptions = (bridge: BridgeNetwork): Record<string, string> => ({
  "com.docker.network.bridge.default_bridge": "true",
  "com.docker.network.bridge.enable_icc": "true",
  "com.docker.network.bridge.enable_ip_masquerade": "true",
  "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",
  "com.docker.network.bridge.name": bridge.bridge,
  "com.docker.network.driver.mtu": String(bridge.mtu),
})
