import { expect, test } from "bun:test"
import { applyChanges } from "./changes.ts"
import { splitWords } from "./words.ts"

const none = () => undefined

test("words are split as a shell would, with quotes, escapes and variables", () => {
  expect(splitWords(`a "b c" 'd $X' e\\ f`, none)).toEqual(["a", "b c", "d $X", "e f"])
  const words = splitWords(`"$X"/\${Y}z $unknown. ""`, (name) => ({ X: "x y", Y: "y" })[name])
  expect(words).toEqual(["x y/yz", ".", ""])
  expect(splitWords(`"a\\"b" "c\\d" '\\'`, none)).toEqual(['a"b', "c\\d", "\\"])
})

test("every instruction that commit and import allow changes what it says", () => {
  const config = applyChanges({ Env: ["PATH=/bin", "A=1"], WorkingDir: "/srv" }, [
    'CMD ["sh", "-c", "ls"]',
    "ENTRYPOINT top -b",
    'ENV A=2 B="x y"\nENV PATH=$PATH:/opt/bin',
    "ENV OLD form of it",
    "EXPOSE 80 53/udp 8000-8002",
    'LABEL role=web "com.example.note"="two words"',
    "USER 1000:1000",
    "WORKDIR data",
    'VOLUME ["/a", "/b"]',
    "VOLUME /c /d",
    "STOPSIGNAL SIGINT",
    "ONBUILD RUN make",
    "HEALTHCHECK --interval=1m30s --retries=3 CMD wget -q localhost",
    "# a comment",
  ])
  expect(config).toEqual({
    Env: ["PATH=/bin:/opt/bin", "A=2", "B=x y", "OLD=form of it"],
    Cmd: ["sh", "-c", "ls"],
    Entrypoint: ["/bin/sh", "-c", "top -b"],
    ExposedPorts: { "80/tcp": {}, "53/udp": {}, "8000/tcp": {}, "8001/tcp": {}, "8002/tcp": {} },
    Labels: { role: "web", "com.example.note": "two words" },
    User: "1000:1000",
    WorkingDir: "/srv/data",
    Volumes: { "/a": {}, "/b": {}, "/c": {}, "/d": {} },
    StopSignal: "SIGINT",
    OnBuild: ["RUN make"],
    Healthcheck: { Test: ["CMD-SHELL", "wget -q localhost"], Interval: 90_000_000_000, Retries: 3 },
  })
})

test("what is not an instruction, or not allowed here, is refused", () => {
  for (const [change, message] of [
    ["RUN make", "RUN is not a valid change command"],
    ["FROM x", "FROM is not a valid change command"],
    ["CMD", "CMD requires at least one argument"],
    ["ENV A", "ENV must have two arguments"],
    ["ENV A=1 B", `can't find = in "B"`],
    ["LABEL =x", "names can not be blank"],
    ["EXPOSE 99999", "invalid containerPort: 99999"],
    ["EXPOSE http", "invalid containerPort: http"],
    ["USER a b", "USER requires exactly one argument"],
    ["HEALTHCHECK ls", 'Unknown type "LS" in HEALTHCHECK'],
    ["HEALTHCHECK --interval=x CMD ls", "invalid HEALTHCHECK option"],
  ] as const) {
    expect(() => applyChanges({}, [change])).toThrow(message)
  }
})
