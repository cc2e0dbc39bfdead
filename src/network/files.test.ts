import { expect, test } from "bun:test"
import { hostsFile, nameserversOf, reachableNameservers, resolvConf } from "./files.ts"

const host = `# a comment
nameserver 127.0.0.53
nameserver  10.1.1.1
nameserver fe80::1%eth0
nameserver nonsense
domain old.example
search corp.example lab.example
options edns0 trust-ad
`

test("name servers on the host's loopback, or bound to a link of the host, are not for containers", () => {
  expect(nameserversOf(host)).toEqual(["127.0.0.53", "10.1.1.1", "fe80::1%eth0"])
  expect(reachableNameservers(host)).toEqual(["10.1.1.1"])
})

test("resolv.conf takes search list and options from the host unless others are asked for", () => {
  expect(resolvConf(host, ["10.1.1.1"])).toBe(
    "nameserver 10.1.1.1\nsearch corp.example lab.example\noptions edns0 trust-ad\n",
  )
  expect(resolvConf(host, ["10.1.1.1"], { dns: ["9.9.9.9", "1.1.1.1"], search: ["."], options: ["ndots:2"] })).toBe(
    "nameserver 9.9.9.9\nnameserver 1.1.1.1\noptions ndots:2\n",
  )
})

test("hosts has the standard names, then added ones, then the container's own", () => {
  const text = hostsFile({
    hostname: "web",
    domainname: "example.org",
    addresses: ["172.17.0.2"],
    extra: ["db:10.0.0.5", "host.docker.internal:host-gateway", "six:[::5]"],
    gateways: ["172.17.0.1"],
  })
  expect(text.split("\n").slice(0, 2)).toEqual(["127.0.0.1\tlocalhost", "::1\tlocalhost ip6-localhost ip6-loopback"])
  expect(
    text.endsWith("10.0.0.5\tdb\n172.17.0.1\thost.docker.internal\n::5\tsix\n172.17.0.2\tweb.example.org web\n"),
  ).toBe(true)
})
