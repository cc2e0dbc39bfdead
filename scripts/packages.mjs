// What Barge needs from the distribution, and how to get it.
import { existsSync, readFileSync } from "node:fs"
import { capture, fail, onPath, run, say } from "./tools.mjs"

const libraries = [
  "/usr/lib/x86_64-linux-gnu",
  "/usr/lib/aarch64-linux-gnu",
  "/usr/lib64",
  "/usr/lib",
  "/lib64",
  "/lib",
]
const hasLibrary = (name) => libraries.some((folder) => existsSync(`${folder}/${name}`))

/** Each need: how to see that it is met, and the Debian package that meets it. */
const needs = {
  crun: { met: () => onPath("crun"), apt: "crun" },
  runc: { met: () => onPath("runc"), apt: "runc" },
  "libnftables.so.1": { met: () => hasLibrary("libnftables.so.1"), apt: "libnftables1" },
  "busybox (static)": {
    met: () =>
      (capture("dpkg", ["-s", "busybox-static"]) ?? "").includes("Status: install ok installed") ||
      (existsSync("/bin/busybox") && (capture("ldd", ["/bin/busybox"]) ?? "") === ""),
    apt: "busybox-static",
  },
  ps: { met: () => onPath("ps"), apt: "procps" },
  "an init for --init": {
    met: () =>
      onPath("docker-init") || onPath("tini-static") || onPath("catatonit") || existsSync("/usr/bin/tini-static"),
    apt: "tini",
  },
}

/** Further needs of the tests. */
export const testNeeds = {
  docker: { met: () => onPath("docker"), apt: "docker.io" },
  "docker-compose": { met: () => onPath("docker-compose"), apt: "docker-compose" },
  nft: { met: () => onPath("nft"), apt: "nftables" },
  ip: { met: () => onPath("ip"), apt: "iproute2" },
  curl: { met: () => onPath("curl"), apt: "curl" },
  mmdebstrap: { met: () => onPath("mmdebstrap"), apt: "mmdebstrap" },
  skopeo: { met: () => onPath("skopeo"), apt: "skopeo" },
  openssl: { met: () => onPath("openssl"), apt: "openssl" },
  "docker-registry": { met: () => onPath("docker-registry"), apt: "docker-registry" },
  zstd: { met: () => onPath("zstd"), apt: "zstd" },
  "containerd and ctr": { met: () => onPath("containerd") && onPath("ctr"), apt: "containerd" },
}

/** Installs what is missing on Debian and its kin; elsewhere says what to install. */
export function ensurePackages(further = {}) {
  if (process.platform !== "linux") fail("Barge runs containers with the Linux kernel's own means: it needs Linux.")
  if (process.getuid?.() !== 0) fail("Barge needs root (mounts, namespaces, cgroups). Run: sudo npm start")
  const missing = Object.entries({ ...needs, ...further }).filter(([, need]) => !need.met())
  if (missing.length === 0) return
  const names = missing.map(([name]) => name).join(", ")
  if (!onPath("apt-get")) {
    const system =
      /^PRETTY_NAME="?(.*?)"?$/m.exec(
        existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : "",
      )?.[1] ?? "this system"
    const tool = ["dnf", "zypper", "pacman", "apk"].find(onPath)
    const command = {
      dnf: "dnf install crun runc nftables busybox procps-ng tini",
      zypper: "zypper install crun runc libnftables1 busybox-static procps",
      pacman: "pacman -S crun runc nftables busybox procps-ng tini",
      apk: "apk add crun runc nftables busybox-static procps tini",
    }[tool]
    fail(
      `Missing on ${system}: ${names}.\n${command ? `Install them (${command})` : "Install them with your package tool"} and run this again.`,
    )
  }
  const packages = missing.map(([, need]) => need.apt)
  say(`Installing from the distribution: ${packages.join(" ")}`)
  const quiet = { stdio: ["ignore", "ignore", "inherit"], env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } }
  run("apt-get", ["update", "-qq"], quiet)
  // policy-rc.d keeps packages that bring a daemon (docker.io) from starting it here.
  run(
    "sh",
    [
      "-c",
      `if [ ! -e /usr/sbin/policy-rc.d ]; then printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d; chmod +x /usr/sbin/policy-rc.d; trap 'rm -f /usr/sbin/policy-rc.d' EXIT; fi; apt-get install -y -qq --no-install-recommends ${packages.join(" ")}`,
    ],
    quiet,
  )
  const still = missing.filter(([, need]) => !need.met()).map(([name]) => name)
  if (still.length > 0) fail(`Still missing after the installation: ${still.join(", ")}`)
}
