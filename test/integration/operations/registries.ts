import { badBodies, badInput, filtered, notFound, type Operations, reasons, success } from "./operation.ts"

const someDigest = `sha256:${"0".repeat(64)}`
const indexType = "application/vnd.oci.image.index.v1+json"
const manifests = [{ mediaType: "application/vnd.oci.image.manifest.v1+json", digest: someDigest, size: 1 }]
const index = {
  Raw: Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests })).toString("base64"),
  MediaType: indexType,
}
const digest = /^sha256:[0-9a-f]{64}$/

export const registries: Operations = {
  "POST /auth": {
    cases: [
      success("logs in", "/auth", 200, {
        body: { username: "user", password: "right", serveraddress: "{guarded}" },
        equals: { Status: "Login Succeeded", IdentityToken: "" },
      }),
      badInput(
        "is given a wrong password",
        "/auth",
        "login attempt to http://{guarded}/v2/ failed with status: 401 Unauthorized",
        {
          status: 401,
          body: { username: "user", password: "wrong", serveraddress: "{guarded}" },
        },
      ),
      ...badBodies("/auth"),
    ],
    never: { notFound: "a registry that is not there is unreachable, not unknown", conflict: reasons.changesNothing },
  },
  "GET /distribution/:name/json": {
    cases: [
      success("shows what a registry has", "/distribution/{registry}/found:1/json", 200, {
        equals: {
          Descriptor: { mediaType: "application/vnd.oci.image.manifest.v1+json", digest, size: Number },
          Platforms: [{ architecture: "amd64", os: "linux" }],
        },
      }),
      notFound(
        "is given an unknown image",
        "/distribution/{registry}/found:2/json",
        /no such manifest|not found|unknown/,
      ),
      badInput("is given no reference", "/distribution/a:b:c/json", "invalid reference format"),
    ],
    never: { conflict: reasons.changesNothing },
  },
  "GET /distribution/:name/manifest": {
    cases: [
      success("gives a manifest", "/distribution/{registry}/found:1/manifest", 200, {
        has: { Descriptor: { digest }, Raw: String },
      }),
      notFound(
        "is given an unknown image",
        "/distribution/{registry}/found:2/manifest",
        "no such manifest: {registry}/found:2",
      ),
      badInput("is given no reference", "/distribution/a:b:c/manifest", "invalid reference format"),
    ],
    never: { conflict: reasons.changesNothing },
  },
  "GET /distribution/:name/referrers": {
    cases: [
      success("lists what refers to an image", "/distribution/{registry}/found:1/referrers", 200, { equals: [] }),
      notFound(
        "is given an unknown image",
        "/distribution/{registry}/found:2/referrers",
        "no such manifest: {registry}/found:2",
      ),
      badInput("is given no reference", "/distribution/a:b:c/referrers", "invalid reference format"),
    ],
    never: { conflict: reasons.changesNothing },
  },
  "POST /distribution/:name/manifest": {
    cases: [
      success("stores an index", "/distribution/{registry}/indexed:1/manifest", 200, {
        body: index,
        equals: { Digest: digest },
      }),
      notFound("is given an unknown source", "/distribution/{registry}/indexed:1/manifest", /manifest unknown/, {
        body: { ...index, Sources: [`{registry}/no-such@${someDigest}`] },
      }),
      badInput(
        "is given a source without a digest",
        "/distribution/{registry}/indexed:1/manifest",
        "{registry}/found:1 is not named by its digest",
        { body: { ...index, Sources: ["{registry}/found:1"] } },
      ),
      ...badBodies("/distribution/{registry}/indexed:1/manifest"),
    ],
    never: { conflict: "a tag of a registry moves" },
  },
  "GET /images/search": {
    cases: [
      success("searches", "/images/search?term={registry}/found", 200, {
        equals: [{ name: "found", description: "an image", star_count: 7, is_official: false, is_automated: false }],
      }),
      success("filters", `/images/search?term={registry}/found&${filtered({ stars: ["8"] })}`, 200, { equals: [] }),
      badInput(
        "is given a limit that is too high",
        "/images/search?term={registry}/x&limit=101",
        "limit 101 is outside the range of [1, 100]",
      ),
      badInput(
        "is given a limit that is no number",
        "/images/search?term={registry}/x&limit=y",
        /"y": invalid syntax$/,
      ),
      badInput(
        "is given an unknown filter",
        `/images/search?term={registry}/x&${filtered({ bogus: ["x"] })}`,
        "invalid filter 'bogus'",
      ),
    ],
    never: { notFound: "what is not there is not found in an empty list", conflict: reasons.changesNothing },
  },
}
