import { formatPlatform, hostPlatform } from "../../../src/oci/platform.ts"
import { tarOf } from "../../tar-archive.ts"
import { badFilters, badInput, conflict, filtered, notFound, type Operations, reasons, success } from "./operation.ts"

const tar = { "content-type": "application/x-tar" }
const unknown = (path: string) => notFound("is given an unknown image", path, "No such image: no-such:latest")
const malformed = (path: string) => badInput("is given no reference", path, "invalid reference format")
const id = /^sha256:[0-9a-f]{64}$/

export const images: Operations = {
  "GET /images/json": {
    cases: [
      success("lists", "/images/json", 200, {
        fields: ["Containers", "Created", "Id", "Labels", "ParentId", "RepoDigests", "RepoTags", "SharedSize", "Size"],
      }),
      success("finds by name", `/images/json?${filtered({ reference: ["{image.name}"] })}`, 200, {
        has: [{ Id: "{image}", RepoTags: ["{image.name}:1", "{image.name}:latest"], SharedSize: -1, ParentId: "" }],
      }),
      success(
        "finds by the name in full",
        `/images/json?${filtered({ reference: ["docker.io/library/busy*"] })}`,
        200,
        {
          has: [{ RepoTags: ["busybox:latest"] }],
        },
      ),
      badInput(
        "is asked for identities without manifests",
        "/images/json?identity=1",
        "conflicting options: identity requires manifests=1",
      ),
      success("ignores identities before 1.54", "/v1.53/images/json?identity=1", 200),
      ...badFilters("/images/json"),
      badInput("is given no boolean", `/images/json?${filtered({ dangling: ["x"] })}`, "invalid filter 'dangling=[x]'"),
      badInput(
        "is given a pattern that is none",
        `/images/json?${filtered({ reference: ["[a-"] })}`,
        "syntax error in pattern",
      ),
      notFound(
        "is given an unknown anchor",
        `/images/json?${filtered({ before: ["no-such"] })}`,
        "No such image: no-such:latest",
      ),
    ],
    never: { conflict: reasons.changesNothing },
  },
  "GET /images/get": {
    cases: [
      success("saves several", "/images/get?names=busybox&names={image.name}", 200, {
        answers: { "content-type": "application/x-tar" },
      }),
      notFound("is given an unknown image", "/images/get?names=no-such", "No such image: no-such"),
      notFound("is given an unknown tag", "/images/get?names=busybox:no-such", "reference does not exist"),
      malformed("/images/get?names=a:b:c"),
    ],
    never: { conflict: reasons.changesNothing },
  },
  "GET /images/:name/get": {
    cases: [
      success("saves one", "/images/{image.name}:1/get", 200, { answers: { "content-type": "application/x-tar" } }),
      notFound("is given an unknown image", "/images/no-such/get", "No such image: no-such"),
      malformed("/images/a:b:c/get"),
    ],
    never: { conflict: reasons.changesNothing },
  },
  "GET /images/:name/json": {
    cases: [
      success("shows one", "/images/busybox/json", 200, {
        has: {
          Id: "{busybox}",
          RepoTags: ["busybox:latest"],
          Os: "linux",
          Size: Number,
          RootFS: { Type: "layers", Layers: [id] },
        },
      }),
      success("finds an ID", "/images/{busybox}/json", 200, { has: { Id: "{busybox}" } }),
      success("finds the beginning of an ID", "/images/{busybox.short}/json", 200, { has: { Id: "{busybox}" } }),
      unknown("/images/no-such/json"),
      notFound("is given an unknown tag", "/images/busybox:2/json", "No such image: busybox:2"),
      notFound(
        "is given an unknown digest",
        `/images/busybox@sha256:${"0".repeat(64)}/json`,
        `No such image: busybox@sha256:${"0".repeat(64)}`,
      ),
      malformed("/images/a:b:c/json"),
      badInput(
        "is given capitals",
        "/images/BusyBox/json",
        "invalid reference format: repository name (library/BusyBox) must be lowercase",
      ),
    ],
    never: { conflict: reasons.changesNothing },
  },
  "GET /images/:name/attestations": {
    cases: [
      success("finds none of an image that has none", "/images/busybox/attestations?type=x&statement=1", 200, {
        equals: [],
      }),
      success(
        "finds those for a platform",
        `/images/busybox/attestations?platform=${formatPlatform(hostPlatform())}`,
        200,
        { equals: [] },
      ),
      success("is not there before 1.55", "/v1.54/images/busybox/attestations", 404, { says: "page not found" }),
      unknown("/images/no-such/attestations"),
      notFound(
        "is given a platform that the image is not for",
        "/images/busybox/attestations?platform=plan9/mips",
        /does not match the specified platform \(plan9\/mips\)$/,
      ),
      malformed("/images/a:b:c/attestations"),
      badInput(
        "is given several platforms",
        "/images/busybox/attestations?platform=linux/amd64&platform=linux/arm64",
        "only one platform value is currently supported",
      ),
    ],
    never: { conflict: reasons.changesNothing },
  },
  "GET /images/:name/history": {
    cases: [
      success("tells the steps", "/images/{image.name}/history", 200, {
        equals: [
          {
            Id: "{image}",
            Created: Number,
            CreatedBy: "",
            Tags: ["{image.name}:latest", "{image.name}:1"].sort(),
            Size: Number,
            Comment: "Imported from -",
          },
        ],
      }),
      unknown("/images/no-such/history"),
      malformed("/images/a:b:c/history"),
    ],
    never: { conflict: reasons.changesNothing },
  },
  "POST /images/load": {
    cases: [
      success("tells in the stream what is wrong with an archive", "/images/load", 200, {
        body: tarOf(["x", {}, "y"]),
        headers: tar,
        has: { errorDetail: { message: String }, error: String },
        answers: { "content-type": "application/json" },
      }),
      badInput(
        "is given several platforms before 1.52",
        "/v1.51/images/load?platform=linux/amd64&platform=linux/arm64",
        "multiple platform parameters are not supported in this API version; use API version 1.52 or later",
        {
          body: tarOf(),
          headers: tar,
        },
      ),
    ],
    never: { notFound: reasons.namesNothing, conflict: "names move from image to image" },
  },
  "POST /images/create": {
    cases: [
      success("pulls", "/images/create?fromImage={registry}/found&tag=1", 200, {
        answers: { "content-type": "application/json" },
      }),
      success("imports", "/images/create?fromSrc=-&repo={newImage}", 200, {
        body: tarOf(["x", {}, "y"]),
        headers: tar,
        equals: { status: id },
      }),
      notFound(
        "is asked for an image that its registry has not",
        "/images/create?fromImage={registry}/found&tag=2",
        /not found/,
      ),
      malformed("/images/create?fromImage=a:b:c"),
      notFound(
        "is given an address where nothing is",
        "/images/create?fromSrc=http://{registry}/v2/x/blobs/y",
        /^failed to GET .* with status 404 Not Found$/,
      ),
      success("is given a path for an address", "/images/create?fromSrc=%2Fdata%2Ffile.tar", 500, {
        says: 'Get "http:///data/file.tar": http: no Host in request URL',
      }),
      badInput("is given an address that is none", "/images/create?fromSrc=a%5Bb", 'parse "http://a[b": invalid URL'),
      success("tells of an address where nobody listens", "/images/create?fromSrc=127.0.0.1:1/x", 500, {
        says: 'Get "http://127.0.0.1:1/x": dial tcp 127.0.0.1:1: connect: connection refused',
      }),
      badInput("is given a bad tag", "/images/create?fromImage=busybox&tag=a:b", "invalid tag format"),
      badInput("is given a bad name for an import", "/images/create?fromSrc=-&repo=a:b:c", "invalid reference format", {
        body: tarOf(),
        headers: tar,
      }),
    ],
    never: { conflict: "names move from image to image" },
  },
  "POST /images/bootstrap": {
    cases: [
      success("makes busybox", "/images/bootstrap", 200, { answers: { "content-type": "application/json" } }),
      badInput("is asked for what it cannot make", "/images/bootstrap?name=bogus", /bogus/),
    ],
    never: { notFound: "what it cannot make is bad input", conflict: "names move from image to image" },
  },
  "POST /images/copy": {
    cases: [
      success("copies", "/images/copy?from={registry}/found:1&to={registry}/copied:1", 200, {
        answers: { "content-type": "application/json" },
      }),
      notFound("is given an unknown image", "/images/copy?from={registry}/found:2&to={registry}/copied:1", /not found/),
      malformed("/images/copy?from=a:b:c&to={registry}/x"),
    ],
    never: { conflict: "names move from image to image" },
  },
  "POST /images/prune": {
    cases: [
      success("removes what has no name", "/images/prune", 200, {
        equals: { ImagesDeleted: null, SpaceReclaimed: Number },
      }),
      ...badFilters("/images/prune"),
      badInput(
        "is given no boolean",
        `/images/prune?${filtered({ dangling: ["x"] })}`,
        "invalid filter 'dangling=[x]'",
      ),
    ],
    never: { notFound: reasons.namesNothing, conflict: "what is in use stays" },
  },
  "POST /images/:name/push": {
    cases: [
      success("tells in the stream of an unknown image", "/images/{registry}/no-such/push?tag=1", 200, {
        matches: /"error":"An image does not exist locally with the tag: 127\.0\.0\.1:\d+\/no-such"\}\r\n$/,
      }),
      malformed("/images/a:b:c/push"),
    ],
    never: {
      notFound: "an unknown image is told in the stream, as Docker does",
      conflict: "a tag of a registry moves",
    },
  },
  "POST /images/:name/tag": {
    cases: [
      success("names an image", "/images/{image.name}/tag?repo={image.name}&tag=2", 201, { equals: "" }),
      unknown("/images/no-such/tag?repo=x"),
      malformed("/images/busybox/tag?repo=a:b:c"),
      badInput("is given no name", "/images/busybox/tag", "invalid reference format"),
      badInput("is given a bad tag", "/images/busybox/tag?repo=x&tag=a:b", "invalid tag format"),
      badInput(
        "is given a digest",
        `/images/busybox/tag?repo=x@sha256:${"0".repeat(64)}`,
        "refusing to create a tag with a digest reference",
      ),
      badInput(
        "is given the name of an algorithm",
        "/images/busybox/tag?repo=sha256",
        "refusing to create an ambiguous tag using digest algorithm as name",
      ),
    ],
    never: { conflict: "names move from image to image" },
  },
  "DELETE /images/": {
    cases: [
      badInput("is given no name", "/images/", "image name cannot be blank"),
      success("is not there for reading", "/images/", 404, { method: "GET", says: "page not found" }),
    ],
    never: { notFound: reasons.namesNothing, conflict: reasons.namesNothing },
  },
  "DELETE /images/:name": {
    cases: [
      success("takes a name away", "/images/{image.name}:1", 200, { equals: [{ Untagged: "{image.name}:1" }] }),
      unknown("/images/no-such"),
      conflict(
        "is given one that is in use",
        "/images/{usedImage}",
        "conflict: unable to delete {usedImage.short} (must be forced) - image is referenced in multiple repositories",
      ),
      conflict(
        "is given one that a running container uses",
        "/images/{busybox}?force=1",
        "conflict: unable to delete {busybox.short} (cannot be forced) - image is being used by running container {shared.short}",
      ),
      malformed("/images/a:b:c"),
      badInput("is given a blank", "/images/%20", "image name cannot be blank"),
    ],
  },
}
