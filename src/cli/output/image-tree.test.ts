import { expect, test } from "bun:test"
import type { ImageSummary } from "../../api/image.ts"
import { imageTree } from "./image-tree.ts"

const image = (id: string, RepoTags: readonly string[], Containers = 0) =>
  ({
    Id: `sha256:${id.repeat(64)}`,
    RepoTags,
    RepoDigests: [],
    Created: 0,
    Size: 2_000_000,
    Containers,
    Manifests: [
      {
        ID: `sha256:${id.repeat(64)}`,
        Kind: "image",
        Available: true,
        Size: { Total: 2_000_000, Content: 1_000_000 },
        ImageData: { Platform: { os: "linux", architecture: "amd64" }, Containers: [] },
      },
    ],
  }) as unknown as ImageSummary

const pipe = { hasColours: false, columns: undefined }
const list = [
  image("a", ["web:2", "web:1"], 1),
  image("b", []),
  image("c", ["a-name-that-is-longer-than-the-others:latest"]),
]

test("images are listed by name, each name on a row, the nameless ones last", () => {
  const lines = imageTree(list, { ...pipe, expanded: false }).split("\n")
  expect(lines.map((line) => line.trimEnd())).toEqual([
    "IMAGE                                          ID             DISK USAGE   CONTENT SIZE   EXTRA",
    "a-name-that-is-longer-than-the-others:latest   cccccccccccc          2MB            1MB",
    "web:1                                          aaaaaaaaaaaa          2MB            1MB   U",
    "web:2                                          aaaaaaaaaaaa          2MB            1MB   U",
    "<untagged>                                     bbbbbbbbbbbb          2MB            1MB",
    "",
  ])
})

test("a tree shows an image once, with its names and platforms", () => {
  const [header, ...lines] = imageTree(list.slice(0, 1), { ...pipe, expanded: true }).split("\n")
  expect(header).toStartWith("IMAGE ")
  expect(lines.map((line) => line.trimEnd())).toEqual([
    "web:1",
    "web:2                aaaaaaaaaaaa          2MB            1MB   U",
    "└─ linux/amd64       aaaaaaaaaaaa          2MB            1MB",
    "",
    "",
  ])
})

test("a terminal gets the legend, and a name that is too long a line of its own", () => {
  const lines = imageTree(list.slice(2), { hasColours: false, columns: 80, expanded: false }).split("\n")
  expect(lines[0]).toEndWith("U In Use")
  expect(lines[2]).toBe("a-name-that-is-longer-than-the-others:latest")
  expect(lines[3]).toMatch(/^ +cccccccccccc /)
})
