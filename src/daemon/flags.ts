import { parseArgs } from "node:util"
import { Failure } from "../errors/failure.ts"

/** What a daemon flag takes. A `list` may be given several times. */
export type FlagKind = "bool" | "text" | "int" | "list"

export interface DaemonFlag {
  readonly kind: FlagKind
  /** The key in the configuration file; the flag's own name when absent. */
  readonly key?: string
  readonly short?: string
  readonly help: string
  /** Taken for compatibility with dockerd; why it changes nothing here. */
  readonly withoutEffect?: string
}

/** dockerd's flags by name, and our own. */
export const daemonFlags: Readonly<Record<string, DaemonFlag>> = {
  "add-runtime": { kind: "list", key: "runtimes", help: "Register an additional OCI compatible runtime (NAME=PATH)" },
  "allow-direct-routing": {
    kind: "bool",
    help: "Allow remote access to published ports on container addresses",
    withoutEffect: "container addresses are routed as the host routes them",
  },
  "authorization-plugin": { kind: "list", key: "authorization-plugins", help: "Authorization plugins to load" },
  bip: { kind: "text", help: "Address and prefix length of the default bridge" },
  bip6: { kind: "text", help: "IPv6 address and prefix length of the default bridge" },
  bridge: { kind: "text", short: "b", help: "Name of the default bridge, made when absent; none for no bridge" },
  "cdi-spec-dir": {
    kind: "list",
    key: "cdi-spec-dirs",
    help: "Directory of device descriptions (CDI); /etc/cdi and /var/run/cdi when absent",
  },
  "cgroup-parent": { kind: "text", help: "Parent cgroup for all containers" },
  "cri-containerd": {
    kind: "bool",
    help: "Start containerd with its CRI plugin",
    withoutEffect: "the core is built in",
  },
  "config-file": { kind: "text", help: "Daemon configuration file" },
  containerd: { kind: "text", help: "containerd socket", withoutEffect: "the core is built in" },
  "containerd-namespace": {
    kind: "text",
    help: "containerd namespace",
    withoutEffect: "the Docker API works in the namespace moby",
  },
  "containerd-plugins-namespace": {
    kind: "text",
    help: "containerd namespace of plugins",
    withoutEffect: "there are no plugins",
  },
  "cpu-rt-period": {
    kind: "int",
    help: "CPU real-time period for the parent cgroup in microseconds",
    withoutEffect: "real-time scheduling of parents is left to the host",
  },
  "cpu-rt-runtime": {
    kind: "int",
    help: "CPU real-time runtime for the parent cgroup in microseconds",
    withoutEffect: "real-time scheduling of parents is left to the host",
  },
  "data-root": { kind: "text", help: "Root directory of persistent state" },
  debug: { kind: "bool", short: "D", help: "Enable debug mode" },
  "default-address-pool": {
    kind: "list",
    key: "default-address-pools",
    help: "Address pools for networks (base=CIDR,size=N)",
  },
  "default-cgroupns-mode": { kind: "text", help: 'Default cgroup namespace mode ("host" or "private")' },
  "default-gateway": {
    kind: "text",
    help: "Gateway of the default bridge's containers instead of the bridge itself",
  },
  "default-gateway-v6": {
    kind: "text",
    help: "IPv6 gateway of the default bridge's containers instead of the bridge itself",
  },
  "default-ipc-mode": { kind: "text", help: 'Default IPC mode ("shareable" or "private")' },
  "default-network-opt": {
    kind: "list",
    key: "default-network-opts",
    help: "Default options of networks (DRIVER=OPTION=VALUE)",
  },
  "default-runtime": { kind: "text", help: "Default OCI runtime" },
  "default-shm-size": { kind: "text", help: "Default size of /dev/shm" },
  "default-ulimit": { kind: "list", key: "default-ulimits", help: "Default ulimits (NAME=SOFT[:HARD])" },
  "discard-layers": {
    kind: "bool",
    help: "Keep pulled layers unpacked only; push and save fetch them again from their registry",
  },
  dns: { kind: "list", help: "DNS servers" },
  "dns-opt": { kind: "list", key: "dns-opts", help: "DNS options" },
  "dns-search": { kind: "list", help: "DNS search domains" },
  "exec-opt": {
    kind: "list",
    key: "exec-opts",
    help: "Runtime execution options",
    withoutEffect: "cgroups are written directly",
  },
  "exec-root": { kind: "text", help: "Root directory of sockets, bundles and other state of the running system" },
  experimental: { kind: "bool", help: "Enable experimental features" },
  feature: {
    kind: "list",
    help: "Features to switch on or off (NAME=true|false)",
    withoutEffect: "what is here is always on",
  },
  "firewall-backend": {
    kind: "text",
    help: 'Firewall backend ("nftables" or "iptables")',
    withoutEffect: "rules are written with nftables",
  },
  "fixed-cidr": { kind: "text", help: "Subnet for addresses of the default bridge" },
  "fixed-cidr-v6": { kind: "text", help: "IPv6 subnet for addresses of the default bridge" },
  group: { kind: "text", short: "G", help: "Group that owns the unix socket" },
  help: { kind: "bool", help: "Print usage" },
  host: { kind: "list", key: "hosts", short: "H", help: "Sockets to listen on (unix://, tcp://, fd://)" },
  "host-gateway-ip": {
    kind: "list",
    key: "host-gateway-ips",
    help: "Address that host-gateway of --add-host stands for; the default bridge's when absent",
  },
  icc: { kind: "bool", help: "Allow containers of the default bridge to reach each other" },
  init: { kind: "bool", help: "Run an init inside every container" },
  "init-path": { kind: "text", help: "Path of the init program" },
  "http-proxy": { kind: "text", help: "Proxy for plain HTTP to registries" },
  "https-proxy": { kind: "text", help: "Proxy for HTTPS to registries" },
  "insecure-registry": { kind: "list", key: "insecure-registries", help: "Registries without verified TLS" },
  ip: { kind: "text", help: "Host address for published ports of the default bridge" },
  "ip-forward": { kind: "bool", help: "Enable IP forwarding on the host" },
  "ip-forward-no-drop": {
    kind: "bool",
    help: "Leave the host's forwarding policy alone",
    withoutEffect: "the policy of the host's own chains is never changed",
  },
  ip6tables: {
    kind: "bool",
    help: "Write IPv6 packet filter rules",
    withoutEffect: "one nftables table serves both families",
  },
  "network-control-plane-mtu": {
    kind: "int",
    help: "MTU of the cluster's control plane",
    withoutEffect: "there is no cluster",
  },
  "ip-masq": { kind: "bool", help: "Masquerade outbound traffic of the default bridge" },
  iptables: {
    kind: "bool",
    help: "Write packet filter rules",
    withoutEffect: "rules are in a table of the daemon's own, and always",
  },
  ipv6: { kind: "bool", help: "Enable IPv6 on the default bridge" },
  label: { kind: "list", key: "labels", help: "Labels of the daemon (key=value)" },
  "live-restore": {
    kind: "bool",
    help: "Keep containers over daemon restarts",
    withoutEffect: "containers always survive the daemon",
  },
  "log-driver": { kind: "text", help: "Default log driver of containers" },
  "log-format": { kind: "text", help: 'Format of the daemon\'s own messages ("text" or "json")' },
  "log-level": {
    kind: "text",
    short: "l",
    help: 'Level of the daemon\'s own messages ("debug", "info", "warn", "error", "fatal")',
  },
  "log-opt": { kind: "list", key: "log-opts", help: "Default log options of containers (key=value)" },
  "max-concurrent-downloads": { kind: "int", help: "Parallel downloads of a pull" },
  "max-concurrent-uploads": { kind: "int", help: "Parallel uploads of a push" },
  "max-download-attempts": {
    kind: "int",
    help: "Attempts of a pull for each layer",
    withoutEffect: "a layer is asked for again as long as the failures pass",
  },
  "metrics-addr": { kind: "text", help: "Address of the metrics endpoint" },
  mtu: { kind: "int", help: "MTU of the default bridge" },
  "no-proxy": { kind: "text", help: "Hosts and networks that are reached without a proxy, separated by commas" },
  "no-new-privileges": { kind: "bool", help: "Set no-new-privileges for new containers" },
  "node-generic-resource": {
    kind: "list",
    key: "node-generic-resources",
    help: "Resources that a swarm may give away",
    withoutEffect: "there is no swarm mode",
  },
  "oom-score-adjust": { kind: "int", help: "oom_score_adj of the daemon" },
  "otlp-endpoint": { kind: "text", help: "OpenTelemetry collector that traces are sent to (OTLP over HTTP)" },
  pidfile: { kind: "text", short: "p", help: "File that holds the daemon's process ID" },
  "registry-config-dir": {
    kind: "list",
    key: "registry-config-dirs",
    help: "Directories of certificates and hosts.toml by registry (certs.d)",
  },
  "raw-logs": { kind: "bool", help: "Messages without colours", withoutEffect: "messages have no colours" },
  "registry-mirror": { kind: "list", key: "registry-mirrors", help: "Registry mirrors" },
  rootless: { kind: "bool", help: "Run without root" },
  "respect-host-firewall": {
    kind: "bool",
    help: "Let others reach published ports through the host's input rules only (TCP, UDP)",
  },
  "seccomp-profile": { kind: "text", help: 'Default seccomp profile: a file, "builtin" or "unconfined"' },
  "selinux-enabled": {
    kind: "bool",
    help: "Enable SELinux labels",
    withoutEffect: "labels are taken from containers' own options",
  },
  "signature-policy": {
    kind: "text",
    help: "File that says which images must be signed to be pulled, and by which keys (policy.json)",
  },
  "shutdown-timeout": {
    kind: "int",
    help: "Seconds that containers get at shutdown",
    withoutEffect: "containers always survive the daemon",
  },
  "storage-driver": { kind: "text", short: "s", help: 'Snapshot driver ("overlay2" or "vfs")' },
  "storage-opt": {
    kind: "list",
    key: "storage-opts",
    help: "Options of the snapshot driver",
    withoutEffect: "the snapshot drivers have no options",
  },
  "swarm-default-advertise-addr": {
    kind: "text",
    help: "Address that a swarm is told",
    withoutEffect: "there is no swarm mode",
  },
  tls: { kind: "bool", help: "Use TLS; implied by --tlsverify" },
  tlscacert: { kind: "text", help: "Trust certificates signed only by this CA" },
  tlscert: { kind: "text", help: "TLS certificate" },
  tlskey: { kind: "text", help: "TLS key" },
  tlsverify: { kind: "bool", help: "Use TLS and verify clients" },
  "unpack-layers": { kind: "bool", help: "Unpack layers even where they could be mounted from their archives" },
  "userland-proxy": {
    kind: "bool",
    help: "Use a proxy for loopback traffic",
    withoutEffect: "the kernel forwards published ports",
  },
  "userland-proxy-path": {
    kind: "text",
    help: "Path of the proxy",
    withoutEffect: "the kernel forwards published ports",
  },
  "userns-remap": { kind: "text", help: "User or group for user namespaces" },
  validate: { kind: "bool", help: "Check the configuration and exit" },
  version: { kind: "bool", short: "v", help: "Print version information and quit" },
}

const seeHelp = "\nSee 'dockerd --help'."

export type FlagValue = boolean | string | number | readonly string[]

/**
 * Parses dockerd's command line.
 * @throws invalidArgument in dockerd's words
 */
export function parseDaemonFlags(args: readonly string[]): Map<string, FlagValue> {
  const shorts = new Map(
    Object.entries(daemonFlags).flatMap(([name, flag]) => (flag.short ? [[flag.short, name]] : [])),
  )
  const options = Object.fromEntries(
    Object.entries(daemonFlags).map(([name, flag]) => [
      name,
      { type: flag.kind === "bool" ? "boolean" : "string", ...(flag.short ? { short: flag.short } : {}) } as const,
    ]),
  )
  // `--flag=true` for booleans is Go's way; node's parser refuses it.
  const plain = args.flatMap((arg) => {
    const match = /^--([\w-]+)=(.*)$/s.exec(arg)
    if (!match || daemonFlags[match[1]!]?.kind !== "bool") return [arg]
    if (!/^(true|false|1|0|t|f)$/i.test(match[2]!)) {
      throw new Failure(
        "invalidArgument",
        `invalid argument "${match[2]}" for "--${match[1]}" flag: strconv.ParseBool: parsing "${match[2]}": invalid syntax${seeHelp}`,
      )
    }
    return /^[1t]/i.test(match[2]!) ? [`--${match[1]}`] : [`--no-${match[1]}`]
  })
  const values = new Map<string, FlagValue>()
  const { tokens } = parseArgs({ args: plain, options, strict: false, allowPositionals: true, tokens: true })
  for (const token of tokens) {
    if (token.kind === "positional") {
      throw new Failure("invalidArgument", `"dockerd" accepts no arguments.${seeHelp}\n\nUsage:  dockerd [OPTIONS]`)
    }
    if (token.kind !== "option") continue
    const negated = token.name.startsWith("no-") && daemonFlags[token.name.slice(3)]?.kind === "bool"
    const name = negated ? token.name.slice(3) : (shorts.get(token.name) ?? token.name)
    const flag = daemonFlags[name]
    if (!flag) {
      throw new Failure(
        "invalidArgument",
        token.rawName.startsWith("--")
          ? `unknown flag: ${token.rawName}${seeHelp}`
          : `unknown shorthand flag: '${token.name}' in ${token.rawName}${seeHelp}`,
      )
    }
    if (flag.kind === "bool") {
      values.set(name, !negated)
      continue
    }
    if (token.value === undefined) throw new Failure("invalidArgument", `flag needs an argument: --${name}${seeHelp}`)
    if (flag.kind === "int") {
      const number = Number(token.value)
      if (!Number.isSafeInteger(number)) {
        throw new Failure(
          "invalidArgument",
          `invalid argument "${token.value}" for "--${name}" flag: strconv.ParseInt: parsing "${token.value}": invalid syntax${seeHelp}`,
        )
      }
      values.set(name, number)
    } else if (flag.kind === "list") {
      values.set(name, [...((values.get(name) as readonly string[] | undefined) ?? []), token.value])
    } else values.set(name, token.value)
  }
  return values
}

/** The help text of the daemon. */
export function daemonHelp(program: string): string {
  const words = { bool: "", text: " string", int: " int", list: " list" }
  const lines = Object.entries(daemonFlags).map(([name, flag]) => {
    const head = `${flag.short ? `  -${flag.short}, ` : "      "}--${name}${words[flag.kind]}`
    return `${head.padEnd(42)} ${flag.help}${flag.withoutEffect ? ` (no effect: ${flag.withoutEffect})` : ""}`
  })
  return `Usage:  ${program} [OPTIONS]\n\nThe engine: containers, images, networks and volumes behind Docker's REST API.\n\nOptions:\n${lines.join("\n")}\n`
}
