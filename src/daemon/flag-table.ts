/** What a daemon flag takes. A `list` may be given several times. */
export type FlagKind = "bool" | "text" | "int" | "list"

export interface DaemonFlag {
  readonly kind: FlagKind
  /** The key in the configuration file; the flag's own name when absent. */
  readonly key?: string
  readonly short?: string
  readonly help: string
  /** The value without the flag, as help shows it. */
  readonly default?: string
  /** Taken for compatibility with dockerd; why it changes nothing here. */
  readonly withoutEffect?: string
  /** What to do instead of using this flag of dockerd, which the daemon does not start with. */
  readonly refused?: string
}

/** dockerd's flags by name, and our own. */
export const daemonFlags: Readonly<Record<string, DaemonFlag>> = {
  "add-runtime": { kind: "list", key: "runtimes", help: "Register an additional OCI compatible runtime (NAME=PATH)" },
  "allow-direct-routing": {
    kind: "bool",
    help: "Allow remote access to published ports on container addresses",
    withoutEffect: "container addresses are routed as the host routes them",
  },
  "authorization-plugin": {
    kind: "list",
    key: "authorization-plugins",
    help: "Authorization plugins to load",
    refused:
      "there are no plugins; who may use the API is decided by the socket's group, or by certificates (--tlsverify)",
  },
  bip: { kind: "text", help: "Address and prefix length of the default bridge" },
  bip6: { kind: "text", help: "IPv6 address and prefix length of the default bridge" },
  bridge: {
    kind: "text",
    short: "b",
    help: "Name of the default bridge, made when absent; none for no bridge; docker0 when called as dockerd",
    default: "barge0",
  },
  "cdi-spec-dir": {
    kind: "list",
    key: "cdi-spec-dirs",
    help: "Directory of device descriptions (CDI)",
    default: "/etc/cdi, /var/run/cdi",
  },
  "cgroup-parent": { kind: "text", help: "Parent cgroup for all containers", default: "/barge" },
  "cri-containerd": {
    kind: "bool",
    help: "Start containerd with its CRI plugin",
    withoutEffect: "the core is built in",
  },
  "config-file": { kind: "text", help: "Daemon configuration file", default: "/etc/barge/daemon.json" },
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
  "data-root": { kind: "text", help: "Root directory of persistent state", default: "/var/lib/barge" },
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
  "default-ipc-mode": { kind: "text", help: 'Default IPC mode ("shareable" or "private")', default: "private" },
  "default-network-opt": {
    kind: "list",
    key: "default-network-opts",
    help: "Default options of networks (DRIVER=OPTION=VALUE)",
  },
  "default-runtime": { kind: "text", help: "Default OCI runtime" },
  "default-shm-size": { kind: "text", help: "Default size of /dev/shm", default: "64m" },
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
  "exec-root": {
    kind: "text",
    help: "Root directory of sockets, bundles and other state of the running system",
    default: "/run/barge",
  },
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
  group: { kind: "text", short: "G", help: "Group that owns the unix socket", default: "docker" },
  help: { kind: "bool", short: "h", help: "Print usage" },
  host: {
    kind: "list",
    key: "hosts",
    short: "H",
    help: "Sockets to listen on (unix://, tcp://, fd://)",
    default: "unix://EXEC_ROOT/barge.sock",
  },
  "host-gateway-ip": {
    kind: "list",
    key: "host-gateway-ips",
    help: "Address that host-gateway of --add-host stands for; the default bridge's when absent",
  },
  icc: { kind: "bool", help: "Allow containers of the default bridge to reach each other", default: "true" },
  init: { kind: "bool", help: "Run an init inside every container" },
  "init-path": { kind: "text", help: "Path of the init program" },
  "http-proxy": { kind: "text", help: "Proxy for plain HTTP to registries" },
  "https-proxy": { kind: "text", help: "Proxy for HTTPS to registries" },
  "insecure-registry": { kind: "list", key: "insecure-registries", help: "Registries without verified TLS" },
  ip: { kind: "text", help: "Host address for published ports of the default bridge" },
  "ip-forward": { kind: "bool", help: "Enable IP forwarding on the host", default: "true" },
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
  "ip-masq": { kind: "bool", help: "Masquerade outbound traffic of the default bridge", default: "true" },
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
  "log-driver": { kind: "text", help: "Default log driver of containers", default: "json-file" },
  "log-format": { kind: "text", help: 'Format of the daemon\'s own messages ("text" or "json")', default: "text" },
  "log-level": {
    kind: "text",
    short: "l",
    help: 'Level of the daemon\'s own messages ("debug", "info", "warn", "error", "fatal")',
    default: "info",
  },
  "log-opt": { kind: "list", key: "log-opts", help: "Default log options of containers (key=value)" },
  "max-concurrent-downloads": { kind: "int", help: "Parallel downloads of a pull", default: "3" },
  "max-concurrent-uploads": { kind: "int", help: "Parallel uploads of a push", default: "5" },
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
  "oom-score-adjust": {
    kind: "int",
    help: "oom_score_adj of the daemon",
    withoutEffect: "the service manager sets it, as OOMScoreAdjust= of the unit",
  },
  "otlp-endpoint": { kind: "text", help: "OpenTelemetry collector that traces are sent to (OTLP over HTTP)" },
  pidfile: {
    kind: "text",
    short: "p",
    help: "File that holds the daemon's process ID",
    default: "EXEC_ROOT/barge.pid",
  },
  "registry-config-dir": {
    kind: "list",
    key: "registry-config-dirs",
    help: "Directories of certificates and hosts.toml by registry (certs.d)",
    default: "/etc/barge/certs.d, /etc/docker/certs.d, /etc/containerd/certs.d",
  },
  "raw-logs": { kind: "bool", help: "Messages without colours", withoutEffect: "messages have no colours" },
  "registry-mirror": { kind: "list", key: "registry-mirrors", help: "Registry mirrors" },
  rootless: { kind: "bool", help: "Run without root", refused: "the daemon needs root" },
  "respect-host-firewall": {
    kind: "bool",
    help: "Let others reach published ports through the host's input rules only (TCP, UDP)",
  },
  salvage: {
    kind: "bool",
    help: "Move a data root whose database is missing, damaged or foreign into a folder within it, and begin anew",
  },
  "seccomp-profile": {
    kind: "text",
    help: 'Default seccomp profile: a file, "builtin" or "unconfined"',
    default: "builtin",
  },
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
  "storage-driver": { kind: "text", short: "s", help: 'Snapshot driver ("overlay2" or "vfs")', default: "overlay2" },
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
  "userns-remap": {
    kind: "text",
    help: "User or group for user namespaces",
    refused: "user namespaces of containers are not there yet; run containers as another user instead (run --user)",
  },
  validate: { kind: "bool", help: "Check the configuration and exit" },
  version: { kind: "bool", short: "v", help: "Print version information and quit" },
}

export type FlagValue = boolean | string | number | readonly string[]
