/// The page that shows the streams live: three texts that ask for nothing from elsewhere.
enum StatusPage {
    static let html = """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>segmentd</title>
        <link rel="icon" href="data:,">
        <link rel="stylesheet" href="/page.css">
        </head>
        <body>
        <header>
          <h1>segmentd</h1>
          <p id="service"></p>
          <p id="silence" role="alert" hidden></p>
        </header>
        <main id="streams"></main>
        <template id="stream">
          <article>
            <h2><span class="name"></span> <span class="state"></span></h2>
            <p class="source"></p>
            <div class="picture"><img alt=""><p class="nothing">no picture yet</p></div>
            <p class="error" role="alert" hidden></p>
            <dl class="figures">
              <div><dt>frames in</dt><dd class="in"></dd></div>
              <div><dt>inferred</dt><dd class="inferred"></dd></div>
              <div><dt>dropped</dt><dd class="dropped"></dd></div>
              <div><dt>latency</dt><dd class="latency"></dd></div>
              <div><dt>inference</dt><dd class="inference"></dd></div>
              <div><dt>reconnects</dt><dd class="reconnects"></dd></div>
            </dl>
            <div class="lists">
              <section><h3>Tracks</h3><p class="classes"></p>
                <table class="tracks"><thead><tr><th>id</th><th>class</th><th>score</th><th>position</th></tr></thead>
                <tbody></tbody></table></section>
              <section><h3>Last events</h3><ol class="events"></ol></section>
            </div>
            <section><h3>Outputs</h3><ul class="outputs"></ul></section>
          </article>
        </template>
        <script src="/page.js"></script>
        </body>
        </html>
        """

    static let style = """
        :root { color-scheme: light dark; --line: #8884; --soft: #8881; --good: #1a7f4b; --bad: #c0352b; --wait: #b07000;
          --accent: #2f6fde; }
        @media (prefers-color-scheme: dark) { :root { --good: #4cc38a; --bad: #ff7b72; --wait: #e3b341; --accent: #79a8ff; } }
        * { box-sizing: border-box; }
        body { margin: 0; font: 15px/1.45 system-ui, sans-serif; font-variant-numeric: tabular-nums; }
        header { display: flex; flex-wrap: wrap; gap: .2rem 1rem; align-items: baseline; padding: .8rem 1.2rem;
          border-bottom: 1px solid var(--line); }
        h1 { font-size: 1.25rem; margin: 0; letter-spacing: -.01em; }
        header p { margin: 0; opacity: .75; }
        #silence { color: var(--bad); opacity: 1; font-weight: 600; }
        main { display: grid; gap: 1.2rem; padding: 1.2rem; grid-template-columns: repeat(auto-fill, minmax(min(27rem, 100%), 1fr)); }
        article { border: 1px solid var(--line); border-radius: 10px; padding: .9rem 1rem; min-width: 0; align-self: start; }
        h2 { font-size: 1.05rem; margin: 0; display: flex; gap: .6rem; align-items: center; overflow-wrap: anywhere; }
        h3 { font-size: .8rem; margin: .9rem 0 .25rem; text-transform: uppercase; letter-spacing: .05em; opacity: .65; }
        .state { font-size: .75rem; font-weight: 600; padding: .05rem .5rem; border-radius: 1rem; border: 1px solid; color: var(--wait); }
        .state[data-state=running] { color: var(--good); }
        .state[data-state=failed] { color: var(--bad); }
        .state[data-state=ended] { color: inherit; opacity: .6; }
        .source { margin: .1rem 0 .6rem; font-size: .85rem; opacity: .7; overflow-wrap: anywhere; }
        .picture { position: relative; background: #111; border-radius: 6px; overflow: hidden; aspect-ratio: 16 / 9; }
        .picture img { width: 100%; height: 100%; object-fit: contain; display: block; visibility: hidden; }
        .picture.shown img { visibility: visible; }
        .picture .nothing { position: absolute; inset: 0; display: grid; place-items: center; margin: 0; color: #999; }
        .picture.shown .nothing { display: none; }
        .error { color: var(--bad); margin: .5rem 0 0; overflow-wrap: anywhere; font-size: .9rem; }
        .figures { display: grid; grid-template-columns: repeat(3, 1fr); gap: .5rem; margin: .8rem 0 0; }
        .figures div { background: var(--soft); border-radius: 6px; padding: .3rem .6rem; min-width: 0; }
        dt { font-size: .75rem; opacity: .65; }
        dd { margin: 0; font-weight: 600; }
        dd small { font-weight: 400; opacity: .7; }
        .lists { display: grid; grid-template-columns: 1fr 1fr; gap: 0 1rem; }
        @media (max-width: 30rem) { .lists { grid-template-columns: 1fr; } }
        .classes { margin: 0; font-size: .85rem; opacity: .8; }
        table { border-collapse: collapse; width: 100%; font-size: .8rem; }
        th { text-align: left; font-weight: 500; opacity: .6; }
        td, th { padding: .05rem .3rem .05rem 0; }
        ol, ul { margin: 0; padding: 0; list-style: none; font-size: .82rem; }
        li { padding: .1rem 0; overflow-wrap: anywhere; }
        .events time { opacity: .6; margin-right: .4rem; }
        .outputs li { display: flex; gap: .5rem; justify-content: space-between; border-top: 1px solid var(--line); }
        .outputs li:first-child { border-top: 0; }
        .outputs .bad { color: var(--bad); }
        .outputs .bad, .outputs .count { text-align: right; }
        """

    static let script = #"""
        "use strict";
        const streams = new Map();
        const byId = (id) => document.getElementById(id);
        let lastAnswer = Date.now();

        function text(parent, selector, value) {
          const element = parent.querySelector(selector);
          if (element.textContent !== value) element.textContent = value;
          return element;
        }
        function make(name, value, className) {
          const element = document.createElement(name);
          element.textContent = value;
          if (className) element.className = className;
          return element;
        }
        function span(seconds) {
          const s = Math.floor(seconds), units = [[86400, "d"], [3600, "h"], [60, "min"]];
          const unit = units.find(([size]) => s >= 2 * size);
          return unit ? `${Math.floor(s / unit[0])} ${unit[1]}` : `${s} s`;
        }
        function bytes(n) {
          const units = ["B", "kB", "MB", "GB", "TB"];
          let i = 0;
          while (n >= 1000 && i < units.length - 1) { n /= 1000; i++; }
          return `${n.toFixed(i && n < 100 ? 1 : 0)} ${units[i]}`;
        }
        const milliseconds = (s) => s >= 10 ? `${s.toFixed(0)} s` : s >= 1 ? `${s.toFixed(2)} s` : `${(s * 1000).toFixed(0)} ms`;

        function card(name) {
          let known = streams.get(name);
          if (known) return known;
          const article = byId("stream").content.firstElementChild.cloneNode(true);
          article.dataset.stream = name;
          text(article, ".name", name);
          article.querySelector("img").alt = `live picture of ${name}`;
          byId("streams").append(article);
          known = { article, history: [], frame: -1, busy: false, url: null };
          streams.set(name, known);
          return known;
        }

        // The rate over the last few answers, a second.
        function rate(known, key) {
          const first = known.history[0], last = known.history[known.history.length - 1];
          const time = last.at - first.at;
          return time > 0 ? Math.max(0, last.frames[key] - first.frames[key]) / time : 0;
        }

        function show(known, stream) {
          const article = known.article;
          known.history.push({ at: performance.now() / 1000, frames: stream.frames });
          if (known.history.length > 5) known.history.shift();
          const state = text(article, ".state", stream.state);
          state.dataset.state = stream.state;
          const size = stream.width ? ` · ${stream.width}×${stream.height}` : "";
          const promised = stream.source_rate ? ` · ${stream.source_rate.toFixed(2)} frames/s` : "";
          text(article, ".source", `${stream.source}${size}${promised} · ${stream.policy}`);
          if (stream.width) article.querySelector(".picture").style.aspectRatio = `${stream.width} / ${stream.height}`;
          const isWell = stream.state === "running" || stream.state === "ended";
          text(article, ".error", isWell ? "" : stream.last_error || "").hidden = isWell || !stream.last_error;
          for (const key of ["in", "inferred", "dropped"]) {
            const element = article.querySelector("." + key);
            element.replaceChildren(`${rate(known, key).toFixed(1)}/s `, make("small", String(stream.frames[key])));
          }
          const times = (t) => t.count ? `${milliseconds(t.median)} ` : "–";
          for (const key of ["latency", "inference"]) {
            const t = stream[key];
            article.querySelector("." + key).replaceChildren(times(t), make("small", t.count ? `95 %: ${milliseconds(t.p95)}` : ""));
          }
          text(article, ".reconnects", String(stream.reconnects));

          const counts = {};
          for (const track of stream.tracks) counts[track.category] = (counts[track.category] || 0) + 1;
          text(article, ".classes", Object.entries(counts).sort().map(([name, n]) => `${n} ${name}`).join(", ") || "none");
          article.querySelector("tbody").replaceChildren(...stream.tracks.slice(0, 12).map((track) => {
            const row = document.createElement("tr");
            const [x, y, w, h] = track.bbox;
            for (const value of [track.id ?? "–", track.category, track.score.toFixed(2),
              `${Math.round(x + w / 2)}, ${Math.round(y + h / 2)}`]) row.append(make("td", String(value)));
            return row;
          }));
          article.querySelector(".events").replaceChildren(...stream.events.slice().reverse().slice(0, 10).map((event) => {
            const item = document.createElement("li");
            const time = event.time ? new Date(event.time).toLocaleTimeString() : `${event.pts.toFixed(1)} s`;
            item.append(make("time", time), `${event.event} ${event.category} ${event.track}${event.place ? " · " + event.place : ""}`);
            return item;
          }));
          article.querySelector(".outputs").replaceChildren(...stream.outputs.map((output) => {
            const item = document.createElement("li");
            item.append(make("span", output.name));
            let count = output.bytes !== undefined ? bytes(output.bytes) : `${output.records} records`;
            if (output.segments) count += ` · ${output.segments} files`;
            if (output.clients) count += ` · ${output.clients} client${output.clients > 1 ? "s" : ""}`;
            if (output.dropped) count += ` · ${output.dropped} dropped`;
            const isBad = output.state !== "running" && output.state !== "starting";
            item.append(make("span", isBad ? output.last_error || output.state : count, isBad ? "bad" : "count"));
            return item;
          }));
        }

        async function refresh() {
          try {
            const response = await fetch("/api/streams");
            if (!response.ok) throw new Error(response.status);
            const service = await response.json();
            lastAnswer = Date.now();
            byId("silence").hidden = true;
            byId("service").textContent = `${service.program} · ${service.model} · ${service.engine} ${service.precision} · up `
              + `${span(service.uptime)} · ${bytes(service.process.memory)}`;
            const names = new Set(service.streams.map((stream) => stream.name));
            for (const [name, known] of streams) {
              if (!names.has(name)) { known.article.remove(); streams.delete(name); }
            }
            for (const stream of service.streams) show(card(stream.name), stream);
          } catch {
            const silence = byId("silence");
            silence.textContent = `no answer for ${span((Date.now() - lastAnswer) / 1000)}`;
            silence.hidden = false;
          }
        }

        // One picture at a time a stream, and none where nobody sees it.
        async function look(name, known) {
          if (known.busy || document.hidden) return;
          const box = known.article.getBoundingClientRect();
          if (box.bottom < 0 || box.top > innerHeight) return;
          known.busy = true;
          try {
            const width = Math.round(Math.min(1920, known.article.clientWidth * devicePixelRatio));
            const response = await fetch(`/streams/${encodeURIComponent(name)}/picture.jpg?width=${width}`);
            const frame = response.headers.get("X-Frame-Number");
            if (response.ok && frame !== known.frame) {
              const url = URL.createObjectURL(await response.blob());
              const picture = known.article.querySelector(".picture");
              const image = picture.querySelector("img");
              image.src = url;
              await image.decode().catch(() => {});
              picture.classList.add("shown");
              image.dataset.frame = frame;
              if (known.url) URL.revokeObjectURL(known.url);
              [known.url, known.frame] = [url, frame];
            }
          } catch { /* refresh says that there is no answer */ } finally { known.busy = false; }
        }

        refresh();
        setInterval(() => { if (!document.hidden) refresh(); }, 1000);
        setInterval(() => { for (const [name, known] of streams) look(name, known); }, 150);
        document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
        """#
}
