import { expect, test } from "bun:test"
import { filledTag } from "./subject.ts"

test("a tag is filled in with what it names; what it names in vain is told", () => {
  const facts = {
    id: "0123456789abcdef",
    name: "web",
    imageId: "sha256:0123456789",
    imageName: "busybox",
    created: "2026-01-01T00:00:00Z",
    command: "sh -c x",
  }
  expect(filledTag("{{.ID}}/{{ .Name }}/{{.ImageName}}", facts)).toBe("0123456789ab/web/busybox")
  expect(filledTag("{{upper .Name}} {{json .ImageName}}", facts)).toBe('WEB "busybox"')
  expect(filledTag('{{if eq .Name "web"}}{{printf "%s@%s" .Name (slice .FullID 0 4)}}{{end}}', facts)).toBe("web@0123")
  expect(() => filledTag("{{.Nope}}", facts)).toThrow(
    'template: log-tag:1:2: executing "log-tag" at <.Nope>: can\'t evaluate field Nope in type logger.Info',
  )
})
