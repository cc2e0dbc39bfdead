import type { ContainerConfig, HostConfig, NetworkingConfig } from "../../../api/container-config.ts"
import { type EndpointSettings, noSettings } from "../../../api/network.ts"
import { Failure } from "../../../errors/failure.ts"
import type { EndpointRequest } from "../../../network/contract.ts"
import { addressOf, cidrOf, contains } from "../../../std/ip.ts"
import { isPredefined, type NetworkCatalog, type NetworkDocument } from "../../networks/catalog.ts"
import type { Container } from "../record/container.ts"
import { requestedSettings } from "../record/endpoint-settings.ts"
import type { ContainerRegistry } from "../record/registry.ts"

const linkLocal = ["169.254.0.0/16", "fe80::/10"].map((text) => cidrOf(text)!.subnet)
const optionPrefix = "com.docker.network.endpoint"

/** Checks the requested networks of a new container. @throws invalidArgument in Docker's words */
export function checkNetworking(catalog: Pick<NetworkCatalog, "find">, networking: NetworkingConfig): void {
  const errors = Object.entries(networking.EndpointsConfig ?? {}).flatMap(([name, settings]) => {
    if (!settings) return [`invalid config for network ${name}: EndpointsConfig is nil`]
    const error = settingsError(networkFor(catalog, name), name, settings)
    return error === undefined ? [] : [`invalid config for network ${name}: ${error}`]
  })
  if (errors.length > 0) throw new Failure("invalidArgument", joined(errors))
}

/** The endpoints of a new container, by name of the network: those requested, else one in the network of its mode. */
export function initialNetworking(
  catalog: Pick<NetworkCatalog, "find">,
  { NetworkMode: mode }: Pick<HostConfig, "NetworkMode">,
  { NetworkDisabled }: Pick<ContainerConfig, "NetworkDisabled">,
  asked: NetworkingConfig,
): NetworkingConfig {
  if (NetworkDisabled || mode.startsWith("container:")) return { EndpointsConfig: {} }
  const nameOf = (ref: string) => networkFor(catalog, ref === "default" ? "bridge" : ref)?.name ?? ref
  const entries = Object.entries(asked.EndpointsConfig ?? {})
  if (entries.length === 0) return { EndpointsConfig: { [nameOf(mode)]: noSettings } }
  return {
    EndpointsConfig: Object.fromEntries(
      entries.map(([ref, settings]) => [nameOf(ref), requestedSettings(settings ?? noSettings)]),
    ),
  }
}

/** Checks the settings of an endpoint. @throws invalidArgument in Docker's words */
export function checkEndpoint(network: NetworkDocument, settings: EndpointSettings): void {
  const error = settingsError(network, network.name, settings)
  if (error !== undefined) throw new Failure("invalidArgument", error)
}

/** The network that `ref` means; undefined when there is none yet or several, as it may be created later. */
function networkFor(catalog: Pick<NetworkCatalog, "find">, ref: string): NetworkDocument | undefined {
  try {
    return catalog.find(ref)
  } catch {
    return undefined
  }
}

function settingsError(
  network: NetworkDocument | undefined,
  name: string,
  settings: EndpointSettings,
): string | undefined {
  const { IPAMConfig: ipam, MacAddress: mac } = settings
  const errors: string[] = []
  if (isPredefined(name)) {
    if (ipam?.IPv4Address || ipam?.IPv6Address)
      errors.push("user specified IP address is supported on user defined networks only")
    if (settings.Aliases?.length)
      errors.push("network-scoped alias is supported only for containers in user defined networks")
  }
  if (ipam?.IPv4Address && !given(ipam.IPv4Address, 4)) errors.push(`invalid IPv4 address: ${ipam.IPv4Address}`)
  if (ipam?.IPv6Address && !given(ipam.IPv6Address, 6)) errors.push(`invalid IPv6 address: ${ipam.IPv6Address}`)
  for (const text of ipam?.LinkLocalIPs ?? []) {
    if (!given(text)) errors.push(`invalid link-local IP address: ${text}`)
    else if (!linkLocal.some((subnet) => contains(subnet, addressOf(text)!)))
      return `invalid link local IP address: ${text}`
  }
  if (network)
    for (const text of [ipam?.IPv4Address, ipam?.IPv6Address]) errors.push(...(text ? rangeErrors(network, text) : []))
  if (mac && !/^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i.test(mac)) return `invalid MAC address ${mac}`
  for (const sysctl of sysctlsIn(settings)) {
    if (!/^[^.]+\.(ipv4|ipv6|mpls)\.[^.]+\.(IFNAME|ifname)\.[^.].*$/.test(sysctl))
      errors.push(
        `unrecognised network interface sysctl '${sysctl}'; represent 'net.X.Y.ethN.Z=V' as 'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or 'mpls'`,
      )
  }
  return errors.length === 0 ? undefined : `invalid endpoint settings:\n${joined(errors)}`
}

function given(text: string, family?: 4 | 6): boolean {
  const address = addressOf(text)
  const mapped = address?.family === 6 && address.value >> 32n === 0xffffn
  return address !== undefined && address.value !== 0n && !mapped && (family === undefined || address.family === family)
}

/** A static address needs a subnet that was given. */
function rangeErrors(network: NetworkDocument, text: string): string[] {
  const address = addressOf(text)
  const subnets = (network.ipam.Config ?? []).flatMap(({ Subnet }) => {
    const subnet = cidrOf(Subnet ?? "")?.subnet
    return subnet && subnet.family === (text.includes(":") ? 6 : 4) ? [subnet] : []
  })
  if (subnets.length === 0)
    return ["user specified IP address is supported only when connecting to networks with user configured subnets"]
  if (address && subnets.some((subnet) => contains(subnet, address))) return []
  return [`no configured subnet or ip-range contain the IP address ${text}`]
}

/** Several errors as Docker lists them. */
const joined = (errors: readonly string[]): string =>
  errors.length === 1 ? errors[0]!.trim() : `* ${errors.map((each) => each.replaceAll("\n", "\n\t")).join("\n* ")}`

/** Whether an endpoint's own settings disable IPv6. Docker's CLI writes them in small letters. */
const switchesOffIpv6 = (settings: EndpointSettings): boolean =>
  sysctlsIn(settings).some((text) => text.toLowerCase() === "net.ipv6.conf.ifname.disable_ipv6=1")

const sysctlsIn = ({ DriverOpts: options }: EndpointSettings): readonly string[] =>
  options?.[`${optionPrefix}.sysctls`]?.split(",") ?? []

/** The names of a container in a user-defined network; its addresses resolve to the first one. */
export function namesOf(container: Container, settings: EndpointSettings): readonly string[] {
  const { Hostname } = container.document.config
  const names = [container.name, ...(settings.Aliases ?? []), container.id.slice(0, 12), Hostname]
  return [...new Set(names.filter((name) => name !== ""))]
}

/** Whether the container disables IPv6 by its sysctls. */
export const ipv6Disabled = ({ document: { hostConfig } }: Container): boolean =>
  hostConfig.Sysctls?.["net.ipv6.conf.all.disable_ipv6"] === "1"

/** The request to `Networking` for a container's endpoint. */
export function endpointRequest(
  registry: Pick<ContainerRegistry, "resolve">,
  container: Container,
  network: NetworkDocument,
  settings: EndpointSettings,
): EndpointRequest {
  const { IPAMConfig: ipam, DriverOpts: options } = settings
  const interfaceName = options?.[`${optionPrefix}.ifname`]
  const sysctls = Object.fromEntries(
    sysctlsIn(settings).map((text) => {
      const [name = "", value = ""] = text.split("=", 2)
      return [name.replace(/^net\./, "").replaceAll(".", "/"), value]
    }),
  )
  const before = [settings.IPAddress, settings.GlobalIPv6Address].filter((address) => address !== "")
  return {
    networkId: network.id,
    ...(settings.MacAddress ? { macAddress: settings.MacAddress.replaceAll("-", ":") } : {}),
    ...(ipam?.IPv4Address ? { ipv4: ipam.IPv4Address } : {}),
    ...(ipam?.IPv6Address ? { ipv6: ipam.IPv6Address } : {}),
    ...(ipam?.LinkLocalIPs?.length ? { linkLocal: ipam.LinkLocalIPs } : {}),
    names: isPredefined(network.name) ? [] : namesOf(container, settings),
    links: isPredefined(network.name) ? {} : linksOf(registry, settings),
    gatewayPriority: settings.GwPriority,
    ...(before.length > 0 ? { before } : {}),
    ...(ipv6Disabled(container) || switchesOffIpv6(settings) ? { withoutIpv6: true } : {}),
    ...(interfaceName ? { interfaceName } : {}),
    ...(Object.keys(sysctls).length > 0 ? { sysctls } : {}),
  }
}

/** `CONTAINER:ALIAS` as alias → name. */
function linksOf(
  registry: Pick<ContainerRegistry, "resolve">,
  settings: EndpointSettings,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    (settings.Links ?? []).map((text) => {
      const [ref = "", alias = ref] = text.split(":", 2)
      let name = ref
      try {
        name = registry.resolve(ref).name
      } catch {
        // The container may be created later.
      }
      return [alias, name]
    }),
  )
}
