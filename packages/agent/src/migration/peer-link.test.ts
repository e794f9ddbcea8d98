import { Outgoing, PeerLink, SILENCE_MS } from "./peer-link.ts";

interface Heard {
  readonly messages: string[];
  readonly lost: Promise<string>;
}

function pair(): { link: PeerLink<string, string>; heard: Heard } {
  const messages: string[] = [];
  const lost = Promise.withResolvers<string>();
  const link = new PeerLink<string, string>({
    heartbeat: "beat",
    silenceMs: SILENCE_MS,
    onMessage: (m) => void messages.push(m),
    onLost: lost.resolve,
  });
  return { link, heard: { messages, lost: lost.promise } };
}

describe("the link to the other agent of a migration", () => {
  it("hands messages on in their order and says when the peer has ended the session", async () => {
    const { link, heard } = pair();
    const peer = new Outgoing<string>();
    peer.push("one");
    peer.push("two");
    peer.end();
    await link.listen(peer);
    expect(heard.messages).toEqual(["one", "two"]);
    expect(await heard.lost).toBe("it ended the session");
  });

  it("says once that the peer is lost when the stream breaks", async () => {
    const { link, heard } = pair();
    await link.listen(
      (async function* () {
        yield "one";
        throw new Error("connection reset");
      })(),
    );
    expect(await heard.lost).toBe("connection reset");
    expect(link.lost).toBe(true);
  });

  it("takes silence for a lost peer, although the stream stands", async () => {
    const { link, heard } = pair();
    const silent = new Outgoing<string>();
    void link.listen(silent);
    expect(await heard.lost).toBe(`it has been silent for ${SILENCE_MS} ms`);
    silent.end();
  });

  it("lets what was said go out after it was ended on this side, and reports nothing", async () => {
    const { link } = pair();
    link.send("last words");
    link[Symbol.dispose]();
    link.send("too late");
    const sent: string[] = [];
    for await (const m of link.outgoing) sent.push(m);
    expect(sent).toEqual(["last words"]);
  });

  it("sends heartbeats while there is nothing else to say", async () => {
    const { link } = pair();
    for await (const m of link.outgoing) {
      expect(m).toBe("beat");
      break;
    }
    link[Symbol.dispose]();
  });
});
