import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { hostsFile, nameserversOf, ownNames, resolvConf, withHost, withOwnAddresses } from "../../../network/files.ts"
import { resolverAddress } from "../../../network/namespaces.ts"
import type { NetworkFiles } from "../../../runtime/spec/contract.ts"
import { isPredefined } from "../../networks/catalog.ts"
import { ipv6Disabled } from "./endpoint.ts"
import type { ContainerContext } from "../context.ts"
import type { Container } from "../record/container.ts"
import { linkedTo, linkHosts } from "./links.ts"
import { networkOwner } from "./namespace-owners.ts"

/** Writes hostname, hosts and resolv.conf of a container that starts; one that shares a network shares those files. */
export async function writeNetworkFiles(context: ContainerContext, container: Container): Promise<NetworkFiles> {
  const owner = networkOwner(context.registry, container)
  const folder = join(context.containersRoot, owner.id)
  if (owner === container) {
    const { config } = container.document
    mkdirSync(folder, { recursive: true, mode: 0o710 })
    writeFileSync(join(folder, "hostname"), `${config.Hostname}\n`)
    writeFileSync(join(folder, "hosts"), hostsText(context, container))
    writeFileSync(join(folder, "resolv.conf"), await resolverText(context, container))
  }
  return { hostname: join(folder, "hostname"), hosts: join(folder, "hosts"), resolvConf: join(folder, "resolv.conf") }
}

/** Tells the running containers that are linked to this one its new address, in their hosts files. */
export function tellLinked(context: ContainerContext, container: Container): void {
  for (const other of linkedTo(context.registry, container)) {
    const path = join(context.containersRoot, other.id, "hosts")
    try {
      const before = readFileSync(path, "utf8")
      const after = linkHosts(context.registry, other).reduce(
        (text, { names, address }) => withHost(text, names, address),
        before,
      )
      // In place: the file is mounted into the container.
      if (after !== before) writeFileSync(path, after)
    } catch (error) {
      if ((error as { code?: string }).code !== "ENOENT")
        context.log.warn("updating a hosts file failed", { container: other.id, error: String(error) })
    }
  }
}

/** A running container came into a network, or left one: its files follow, in place, as they are mounted into it. */
export async function rewriteNetworkFiles(context: ContainerContext, container: Container): Promise<void> {
  const { config } = container.document
  const folder = join(context.containersRoot, container.id)
  const hosts = join(folder, "hosts")
  const resolver = join(folder, "resolv.conf")
  writeFileSync(
    hosts,
    withOwnAddresses(textOf(hosts), ownNames(config.Hostname, config.Domainname), addressesOf(container)),
  )
  // One that was changed from inside stays as it is.
  const [plain, embedded] = [
    await resolverText(context, container, false),
    await resolverText(context, container, true),
  ]
  const before = textOf(resolver)
  if (before === plain && inUserNetwork(container)) writeFileSync(resolver, embedded)
}

/** What `host-gateway` stands for: what the daemon was told, otherwise the default bridge's own addresses. */
function hostGateways({ defaults, networking }: ContainerContext): readonly string[] {
  if (defaults.hostGateway) return [defaults.hostGateway]
  const gateways = (networking.defaultNetwork?.subnets ?? []).flatMap(({ gateway }) => gateway ?? [])
  return gateways.length > 0 ? gateways : ["127.0.0.1"]
}

/** The container's addresses in all of its networks. */
const addressesOf = (container: Container): readonly string[] =>
  Object.values(container.state.sandbox?.networks ?? {}).flatMap(({ ipv4, ipv6 }) =>
    [ipv4?.address, ipv6?.address].filter((address) => address !== undefined),
  )

/** Whether the daemon itself answers the container's questions for names. */
const inUserNetwork = (container: Container): boolean =>
  Object.keys(container.state.sandbox?.networks ?? {}).some((name) => !isPredefined(name))

function hostsText(context: ContainerContext, container: Container): string {
  const { config, hostConfig } = container.document
  return hostsFile({
    hostname: config.Hostname,
    domainname: config.Domainname,
    addresses: addressesOf(container),
    links: linkHosts(context.registry, container),
    extra: hostConfig.ExtraHosts ?? [],
    gateways: hostGateways(context),
    ...(ipv6Disabled(container) ? { ipv6: false } : {}),
    ...(hostConfig.NetworkMode === "host" ? { base: textOf("/etc/hosts") } : {}),
  })
}

async function resolverText(
  context: ContainerContext,
  container: Container,
  embedded = inUserNetwork(container),
): Promise<string> {
  const { hostConfig } = container.document
  const { dns } = context.defaults
  const host = textOf("/etc/resolv.conf")
  return resolvConf(host, embedded ? [resolverAddress] : await nameservers(context, container, host), {
    dns: hostConfig.Dns?.length ? hostConfig.Dns : dns.servers,
    search: hostConfig.DnsSearch?.length ? hostConfig.DnsSearch : dns.search,
    options: hostConfig.DnsOptions?.length ? hostConfig.DnsOptions : dns.options,
    embedded,
  })
}

/** Those that the container can reach itself. */
async function nameservers(context: ContainerContext, container: Container, host: string): Promise<readonly string[]> {
  return container.state.sandbox?.path ? await context.networking.nameservers() : nameserversOf(host)
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}
