import type { Ipam, NetworkCreateRequest } from "../../api/network.ts"
import { Failure } from "../../errors/failure.ts"
import type { DriverName, Networking } from "../../network/contract.ts"
import { formatNanos, nowNanos } from "../../std/clock.ts"
import { newId } from "../../std/id.ts"
import { isPredefined, type NetworkCatalog, type NetworkDocument } from "./catalog.ts"
import { checkIpam, subnetsOf } from "./check-ipam.ts"

const drivers: readonly string[] = ["bridge", "macvlan", "ipvlan"] satisfies DriverName[]

/** Driver → options that its networks have unless they say otherwise. */
export type NetworkDefaults = Readonly<Record<string, Readonly<Record<string, string>>>>

/** Makes a network, in the kernel and on disk; nothing stays when it fails. @throws in Docker's words */
export function createNetwork(
  catalog: NetworkCatalog,
  networking: Networking,
  asked: NetworkCreateRequest,
  defaults: NetworkDefaults,
): NetworkDocument {
  const request = withDefaults(asked, defaults)
  if (isPredefined(request.Name))
    throw new Failure("permissionDenied", `operation is not permitted on predefined ${request.Name} network `)
  if (request.Name.trim() === "") throw new Failure("invalidArgument", "invalid name: name is empty")
  checkIpam(request.IPAM, enabled(request, "ipv6", false))
  if (catalog.byName(request.Name))
    throw new Failure("alreadyExists", `network with name ${request.Name} already exists`)
  const source = request.ConfigFrom?.Network ? configuration(catalog, request) : undefined
  const document = documentOf(request, source)
  checkDriver(document)
  if (!document.configOnly) {
    networking.create({
      id: document.id,
      name: document.name,
      driver: document.driver as DriverName,
      ipv4: document.ipv4,
      ipv6: document.ipv6,
      subnets: subnetsOf(document.ipam),
      internal: document.internal,
      options: document.options,
    })
  }
  try {
    catalog.add(document)
  } catch (error) {
    networking.remove(document.id)
    throw error
  }
  return document
}

/** The daemon's options for networks of the driver, behind the request's own. */
function withDefaults(request: NetworkCreateRequest, defaults: NetworkDefaults): NetworkCreateRequest {
  const more = defaults[request.Driver || "bridge"]
  if (!more || request.ConfigFrom?.Network || request.ConfigOnly) return request
  const options = { ...more, ...request.Options }
  // The family's own field decides: an option beside it would look as if it did.
  if (request.EnableIPv4 !== undefined) delete options["com.docker.network.enable_ipv4"]
  if (request.EnableIPv6 !== undefined) delete options["com.docker.network.enable_ipv6"]
  return { ...request, Options: options }
}

function documentOf(request: NetworkCreateRequest, source: NetworkDocument | undefined): NetworkDocument {
  const ipam: Ipam = source?.ipam ?? {
    Driver: request.IPAM?.Driver || "default",
    Options: request.IPAM?.Options ?? (request.IPAM ? null : {}),
    Config: request.IPAM?.Config ?? null,
  }
  return {
    id: newId(),
    name: request.Name,
    created: formatNanos(nowNanos()),
    driver: request.ConfigOnly ? "null" : request.Driver || "bridge",
    scope: "local",
    ipv4: source?.ipv4 ?? enabled(request, "ipv4", true),
    ipv6: source?.ipv6 ?? enabled(request, "ipv6", false),
    ipam,
    internal: request.Internal,
    attachable: request.Attachable,
    ingress: request.Ingress,
    configOnly: request.ConfigOnly,
    configFrom: request.ConfigFrom?.Network ?? "",
    options: source?.options ?? request.Options ?? {},
    labels: { ...source?.labels, ...request.Labels },
  }
}

/** The family's own field decides, otherwise the driver option. @throws invalidArgument */
function enabled(request: NetworkCreateRequest, family: "ipv4" | "ipv6", absent: boolean): boolean {
  const given = family === "ipv4" ? request.EnableIPv4 : request.EnableIPv6
  if (given !== undefined) return given
  const name = `com.docker.network.enable_${family}`
  const option = request.Options?.[name]
  if (option === undefined) return absent
  if (/^(1|t|true)$/i.test(option)) return true
  if (/^(0|f|false)$/i.test(option)) return false
  throw new Failure("invalidArgument", `driver-opt "${name}" is not a valid bool`)
}

/** The configuration-only network that another one takes everything from. @throws in Docker's words */
function configuration(catalog: NetworkCatalog, request: NetworkCreateRequest): NetworkDocument {
  const name = request.ConfigFrom!.Network
  if (request.ConfigOnly)
    throw new Failure("permissionDenied", "a configuration network cannot depend on another configuration network")
  const source = catalog.byName(name)
  if (!source?.configOnly) throw new Failure("notFound", `configuration network "${name}" does not exist`)
  if (request.IPAM?.Config?.length || Object.keys(request.Options ?? {}).length > 0)
    throw new Failure(
      "permissionDenied",
      "user specified configurations are not supported if the network depends on a configuration network",
    )
  return source
}

function checkDriver({ driver, configOnly, ingress, ipam, internal, attachable }: NetworkDocument): void {
  if (configOnly) {
    if (internal || attachable || ingress)
      throw new Failure(
        "permissionDenied",
        "configuration network can only contain network specific fields. Network operator fields like [ ingress | internal | attachable | scope ] are not supported.",
      )
    return
  }
  if (driver === "host" || driver === "null")
    throw new Failure("permissionDenied", `only one instance of "${driver}" network is allowed`)
  if (driver === "overlay")
    throw new Failure(
      "permissionDenied",
      "This node is not a swarm manager. Barge has no swarm mode and no overlay networks: use a bridge, macvlan or ipvlan network",
    )
  if (!drivers.includes(driver))
    throw new Failure(
      "notFound",
      `could not find plugin ${driver} in v1 plugin registry: plugin not found (drivers are ${drivers.join(", ")})`,
    )
  if (ingress) throw new Failure("permissionDenied", "Ingress network can only be global scope network")
  if (ipam.Driver !== "default" && ipam.Driver !== "")
    throw new Failure("invalidArgument", `invalid ipam driver: "${ipam.Driver}"`)
}
