import type { DeviceRequest, MountRequest } from "../../api/container-config.ts"
import { parseGpus } from "../../flag-values/devices.ts"
import { parseMount } from "../../flag-values/mount.ts"
import { type NetworkRequest, parseNetwork } from "../../flag-values/network.ts"
import {
  deviceRuleWord,
  environmentWord,
  extraHostWord,
  ipWord,
  labelWord,
  linkWord,
  searchDomainWord,
  streamWord,
  sysctlWord,
} from "../../flag-values/words.ts"
import { address } from "../flags/addresses.ts"
import { bool, custom, list, spellingOf, text, type Values } from "../flags/flag.ts"
import { bytes, duration, int, int64, swapBytes, uint16 } from "../flags/numbers.ts"
import { defaultPlatformFlag } from "../flags/platform.ts"
import { byteRates, decimal, operationRates, ulimits, umask, weightDevices } from "./limit-flags.ts"

const network = custom<readonly NetworkRequest[]>(
  "",
  "Connect a container to a network",
  "network",
  [],
  (value, before) => [...before, parseNetwork(value)],
)
const networkAlias = list("", "Add network-scoped alias for the container")
const dnsOption = list("", "Set DNS options")

/** Flags that only mean something on Windows are accepted, but not shown. */
const hidden = { hidden: true } as const

const map = { type: "map", shownDefault: "map[]" } as const

const cgroupnsUsage = `Cgroup namespace to use (host|private)
'host':    Run the container in the Docker host's cgroup namespace
'private': Run the container in its own private cgroup namespace
'':        Use the cgroup namespace as configured by the
           default-cgroupns-mode option on the daemon (default)`

/** What `run` and `create` both take. */
export const containerFlags = {
  "add-host": list("", "Add a custom host-to-IP mapping (host:ip)", extraHostWord),
  annotation: list("", "Add an annotation to the container (passed through to the OCI runtime)", undefined, map),
  attach: list("a", "Attach to STDIN, STDOUT or STDERR", streamWord),
  "blkio-weight": uint16("", "Block IO (relative weight), between 10 and 1000, or 0 to disable"),
  "blkio-weight-device": weightDevices("Block IO weight (relative device weight)"),
  "cap-add": list("", "Add Linux capabilities"),
  "cap-drop": list("", "Drop Linux capabilities"),
  "cgroup-parent": text("", "Optional parent cgroup for the container"),
  cgroupns: text("", cgroupnsUsage),
  cidfile: text("", "Write the container ID to the file"),
  "cpu-count": int("", "CPU count (Windows only)", 0, hidden),
  "cpu-percent": int("", "CPU percent (Windows only)", 0, hidden),
  "cpu-period": int64("", "Limit CPU CFS (Completely Fair Scheduler) period"),
  "cpu-quota": int64("", "Limit CPU CFS (Completely Fair Scheduler) quota"),
  "cpu-rt-period": int64("", "Limit CPU real-time period in microseconds"),
  "cpu-rt-runtime": int64("", "Limit CPU real-time runtime in microseconds"),
  "cpu-shares": int64("c", "CPU shares (relative weight)"),
  cpus: decimal("", "Number of CPUs"),
  "cpuset-cpus": text("", "CPUs in which to allow execution (0-3, 0,1)"),
  "cpuset-mems": text("", "MEMs in which to allow execution (0-3, 0,1)"),
  device: list("", "Add a host device to the container"),
  "device-cgroup-rule": list("", "Add a rule to the cgroup allowed devices list", deviceRuleWord),
  "device-read-bps": byteRates("Limit read rate (bytes per second) from a device"),
  "device-read-iops": operationRates("Limit read rate (IO per second) from a device"),
  "device-write-bps": byteRates("Limit write rate (bytes per second) to a device"),
  "device-write-iops": operationRates("Limit write rate (IO per second) to a device"),
  "disable-content-trust": bool("", "Skip image verification", true, hidden),
  dns: list("", "Set custom DNS servers", ipWord),
  "dns-opt": spellingOf("dns-option", dnsOption),
  "dns-option": dnsOption,
  "dns-search": list("", "Set custom DNS search domains", searchDomainWord),
  domainname: text("", "Container NIS domain name"),
  entrypoint: text("", "Overwrite the default ENTRYPOINT of the image"),
  env: list("e", "Set environment variables", environmentWord),
  "env-file": list("", "Read in a file of environment variables"),
  expose: list("", "Expose a port or a range of ports"),
  gpus: custom<readonly DeviceRequest[]>(
    "",
    "GPU devices to add to the container ('all' to pass all GPUs)",
    "gpu-request",
    [],
    (value, before) => [...before, parseGpus(value)],
  ),
  "group-add": list("", "Add additional groups to join"),
  "health-cmd": text("", "Command to run to check health"),
  "health-interval": duration("", "Time between running the check (ms|s|m|h)"),
  "health-retries": int("", "Consecutive failures needed to report unhealthy"),
  "health-start-interval": duration("", "Time between running the check during the start period (ms|s|m|h)"),
  "health-start-period": duration(
    "",
    "Start period for the container to initialize before starting health-retries countdown (ms|s|m|h)",
  ),
  "health-timeout": duration("", "Maximum time to allow one check to run (ms|s|m|h)"),
  help: bool("", "Print usage"),
  hostname: text("h", "Container host name"),
  init: bool("", "Run an init inside the container that forwards signals and reaps processes"),
  interactive: bool("i", "Keep STDIN open even if not attached"),
  "io-maxbandwidth": bytes("", "Maximum IO bandwidth limit for the system drive (Windows only)", hidden),
  "io-maxiops": custom("", "Maximum IOps limit for the system drive (Windows only)", "uint", 0, Number, hidden),
  ip: address("IPv4 address (e.g., 172.30.100.104)"),
  ip6: address("IPv6 address (e.g., 2001:db8::33)"),
  ipc: text("", "IPC mode to use"),
  isolation: text("", "Container isolation technology"),
  "kernel-memory": bytes("", "Kernel memory limit", hidden),
  label: list("l", "Set meta data on a container", labelWord),
  "label-file": list("", "Read in a line delimited file of labels"),
  link: list("", "Add link to another container", linkWord),
  "link-local-ip": list("", "Container IPv4/IPv6 link-local addresses"),
  "log-driver": text("", "Logging driver for the container"),
  "log-opt": list("", "Log driver options"),
  "mac-address": text("", "Container MAC address (e.g., 92:d0:c6:0a:29:33)"),
  memory: bytes("m", "Memory limit"),
  "memory-reservation": bytes("", "Memory soft limit"),
  "memory-swap": swapBytes("", "Swap limit equal to memory plus swap: '-1' to enable unlimited swap"),
  "memory-swappiness": int("", "Tune container memory swappiness (0 to 100)", -1),
  mount: custom<readonly MountRequest[]>(
    "",
    "Attach a filesystem mount to the container",
    "mount",
    [],
    (value, before) => [...before, parseMount(value)],
  ),
  name: text("", "Assign a name to the container"),
  net: spellingOf("network", network),
  "net-alias": spellingOf("network-alias", networkAlias),
  network,
  "network-alias": networkAlias,
  "no-healthcheck": bool("", "Disable any container-specified HEALTHCHECK"),
  "oom-kill-disable": bool("", "Disable OOM Killer"),
  "oom-score-adj": int("", "Tune host's OOM preferences (-1000 to 1000)"),
  pid: text("", "PID namespace to use"),
  "pids-limit": int64("", "Tune container pids limit (set -1 for unlimited)"),
  platform: defaultPlatformFlag(),
  privileged: bool("", "Give extended privileges to this container"),
  publish: list("p", "Publish a container's port(s) to the host"),
  "publish-all": bool("P", "Publish all exposed ports to random ports"),
  quiet: bool("q", "Suppress the pull output"),
  "read-only": bool("", "Mount the container's root filesystem as read only"),
  restart: text("", "Restart policy to apply when a container exits", "no"),
  rm: bool("", "Automatically remove the container and its associated anonymous volumes when it exits"),
  runtime: text("", "Runtime to use for this container"),
  "security-opt": list("", "Security Options"),
  "shm-size": bytes("", "Size of /dev/shm"),
  "stop-signal": text("", "Signal to stop the container"),
  "stop-timeout": int("", "Timeout (in seconds) to stop a container"),
  "storage-opt": list("", "Storage driver options for the container"),
  sysctl: list("", "Sysctl options", sysctlWord, map),
  tmpfs: list("", "Mount a tmpfs directory"),
  tty: bool("t", "Allocate a pseudo-TTY"),
  ulimit: ulimits("Ulimit options"),
  umask: umask("Set umask for the container"),
  "use-api-socket": bool("", "Bind mount Docker API socket and required auth"),
  user: text("u", "Username or UID (format: <name|uid>[:<group|gid>])"),
  userns: text("", "User namespace to use"),
  uts: text("", "UTS namespace to use"),
  volume: list("v", "Bind mount a volume"),
  "volume-driver": text("", "Optional volume driver for the container"),
  "volumes-from": list("", "Mount volumes from the specified container(s)"),
  workdir: text("w", "Working directory inside the container"),
} as const

export type ContainerFlags = Values<typeof containerFlags>
