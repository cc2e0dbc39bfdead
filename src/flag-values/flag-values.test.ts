import { expect, test } from "bun:test"
import { parseDevices, parseGpus } from "./devices.ts"
import { parseByteRate, parseNano, parseUlimit } from "./limits.ts"
import { parseMount } from "./mount.ts"
import { parsePorts } from "./ports.ts"
import { parseVolumes } from "./volumes.ts"
import { csvFields } from "./words.ts"

test("published ports are bound, in short and long form, ranges one by one", () => {
  expect(parsePorts(["127.0.0.1:8080:80", "53/udp", "published=90,target=9", "7-8:7-8"], ["99"])).toEqual({
    exposed: { "80/tcp": {}, "53/udp": {}, "9/tcp": {}, "7/tcp": {}, "8/tcp": {}, "99/tcp": {} },
    bindings: {
      "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "8080" }],
      "53/udp": [{ HostIp: "", HostPort: "" }],
      "9/tcp": [{ HostIp: "", HostPort: "90" }],
      "7/tcp": [{ HostIp: "", HostPort: "7" }],
      "8/tcp": [{ HostIp: "", HostPort: "8" }],
    },
  })
  expect(() => parsePorts(["1-2:5-9"], [])).toThrow(
    "invalid ranges specified for container and host Ports: 5-9 and 1-2",
  )
  expect(() => parsePorts(["x:80"], [])).toThrow("invalid hostPort: x")
})

test("volumes are binds with a source, and anonymous without one", () => {
  expect(parseVolumes(["/data", "name:/in:ro", "./here:/there"])).toEqual({
    binds: ["name:/in:ro", `${process.cwd()}/here:/there`],
    anonymous: ["/data"],
  })
  expect(() => parseVolumes(["src::b"])).toThrow("invalid spec: src::b: empty section between colons")
})

test("a mount is one line of comma-separated values", () => {
  expect(parseMount('type=tmpfs,"target=/with,comma",tmpfs-size=1m')).toMatchObject({
    Type: "tmpfs",
    Target: "/with,comma",
    TmpfsOptions: { SizeBytes: 2 ** 20 },
  })
  expect(() => parseMount("type=bind,nothing=1")).toThrow("unknown option 'nothing' in 'nothing=1'")
  expect(() => parseMount("type=tmpfs,target=/x,volume-nocopy")).toThrow(
    "cannot mix 'volume-*' options with mount type 'tmpfs'",
  )
  expect(() => csvFields('a"b')).toThrow('parse error on line 1, column 2: bare " in non-quoted field')
})

test("devices are paths or names of the Container Device Interface", () => {
  expect(parseDevices(["/dev/null:/dev/zero:r", "vendor.com/gpu=0"])).toEqual({
    devices: [{ PathOnHost: "/dev/null", PathInContainer: "/dev/zero", CgroupPermissions: "r" }],
    cdi: ["vendor.com/gpu=0"],
  })
  expect(parseGpus('"device=0,1",capabilities=compute')).toEqual({
    Driver: "",
    Count: 0,
    DeviceIDs: ["0", "1"],
    Capabilities: [["compute", "gpu"]],
    Options: {},
  })
})

test("limits are read with their units", () => {
  expect(parseUlimit("nofile=1024:2048")).toEqual({ Name: "nofile", Soft: 1024, Hard: 2048 })
  expect(() => parseUlimit("nofile=3:2")).toThrow("ulimit soft limit must be less than or equal to hard limit: 3 > 2")
  expect(parseByteRate("/dev/sda:1mb")).toEqual({ Path: "/dev/sda", Rate: 2 ** 20 })
  expect([parseNano("1.5"), parseNano("1/2"), parseNano("2e-1")]).toEqual([1_500_000_000, 500_000_000, 200_000_000])
  expect(() => parseNano("0.0000000001")).toThrow("value is too precise")
})
