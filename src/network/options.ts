import { Failure, messageOf } from "../errors/failure.ts"
import { ipvlanFlags, ipvlanModes, macvlanModes } from "../linux/links.ts"
import { addressOf } from "../std/ip.ts"
import { parseBool } from "../std/strconv.ts"
import type { NetworkRequest } from "./contract.ts"

/** How a family of a bridge network is joined to the outside: Docker's gateway modes. */
export type GatewayMode = "nat" | "nat-unprotected" | "routed" | "isolated"

const gatewayModes: readonly string[] = ["nat", "nat-unprotected", "routed", "isolated"] satisfies GatewayMode[]

/** A network's driver options, understood. */
export interface DriverOptions {
  readonly bridge?: string
  readonly mtu?: number
  readonly icc: boolean
  readonly masquerade: boolean
  /** Where ports are published that name no address. */
  readonly hostBinding?: string
  /** The source address of what leaves the host, instead of the outgoing interface's. */
  readonly hostAddress?: string
  readonly hostAddress6?: string
  /** The bridge gets no IPv4 address of its own. */
  readonly inhibitIpv4: boolean
  readonly gatewayMode4: GatewayMode
  readonly gatewayMode6: GatewayMode
  readonly interfacePrefix: string
  readonly parent?: string
  readonly macvlanMode: keyof typeof macvlanModes
  readonly ipvlanMode: keyof typeof ipvlanModes
  readonly ipvlanFlag: keyof typeof ipvlanFlags
}

/** Reads `com.docker.network.*` and the drivers' own options; what is unknown has no effect, as in Docker. @throws invalidArgument */
export function driverOptions({
  options,
  internal,
  driver,
}: Pick<NetworkRequest, "options" | "internal" | "driver">): DriverOptions {
  const text = (name: string) => options[name] || undefined
  const flag = (name: string, absent: boolean): boolean => {
    const value = options[name]
    if (value === undefined || value === "") return absent
    try {
      return parseBool(value)
    } catch (error) {
      throw new Failure("invalidArgument", `failed to parse ${name} value: ${value} (${messageOf(error)})`, error)
    }
  }
  const oneOf = <T extends string>(name: string, known: readonly string[], absent: T): T => {
    const value = text(name) ?? absent
    if (!known.includes(value))
      throw new Failure(
        "invalidArgument",
        `requested ${driver} ${name} '${value}' is not valid: use one of ${known.join(", ")}`,
      )
    return value as T
  }
  const mode = (name: string): GatewayMode => {
    const value = text(name) ?? "nat"
    if (!gatewayModes.includes(value)) throw new Failure("invalidArgument", `unknown gateway mode ${value}`)
    if (value === "isolated" && !internal)
      throw new Failure("invalidArgument", "gateway mode 'isolated' can only be used for an internal network")
    return value as GatewayMode
  }
  const mtuText = text("com.docker.network.driver.mtu")
  const mtu = mtuText === undefined ? undefined : Number(mtuText)
  if (mtuText !== undefined && !/^-?\d+$/.test(mtuText))
    throw new Failure(
      "invalidArgument",
      `failed to parse com.docker.network.driver.mtu value: ${mtuText} (strconv.Atoi: parsing "${mtuText}": invalid syntax)`,
    )
  if (mtu !== undefined && mtu < 0) throw new Failure("invalidArgument", `invalid MTU number: ${mtu}`)
  const hostBinding = text("com.docker.network.bridge.host_binding_ipv4")
  if (hostBinding && !addressOf(hostBinding))
    throw new Failure(
      "invalidArgument",
      `failed to parse com.docker.network.bridge.host_binding_ipv4 value: ${hostBinding} (nil ip)`,
    )
  const bridge = text("com.docker.network.bridge.name")
  const parent = text("parent")
  const hostAddress = text("com.docker.network.host_ipv4")
  const hostAddress6 = text("com.docker.network.host_ipv6")
  return {
    ...(bridge ? { bridge } : {}),
    ...(mtu ? { mtu } : {}),
    icc: flag("com.docker.network.bridge.enable_icc", true),
    masquerade: flag("com.docker.network.bridge.enable_ip_masquerade", true),
    inhibitIpv4: flag("com.docker.network.bridge.inhibit_ipv4", false),
    ...(hostBinding ? { hostBinding } : {}),
    ...(hostAddress ? { hostAddress } : {}),
    ...(hostAddress6 ? { hostAddress6 } : {}),
    gatewayMode4: mode("com.docker.network.bridge.gateway_mode_ipv4"),
    gatewayMode6: mode("com.docker.network.bridge.gateway_mode_ipv6"),
    interfacePrefix: text("com.docker.network.container_iface_prefix") ?? "eth",
    ...(parent ? { parent } : {}),
    macvlanMode: driver === "macvlan" ? oneOf("macvlan_mode", Object.keys(macvlanModes), "bridge") : "bridge",
    ipvlanMode: driver === "ipvlan" ? oneOf("ipvlan_mode", Object.keys(ipvlanModes), "l2") : "l2",
    ipvlanFlag: driver === "ipvlan" ? oneOf("ipvlan_flag", Object.keys(ipvlanFlags), "bridge") : "bridge",
  }
}
