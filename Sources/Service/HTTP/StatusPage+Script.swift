extension StatusPage {
    static let script = #"""
        "use strict";
        const streams = new Map();
        const byId = (id) => document.getElementById(id);
        let lastAnswer = performance.now(), started = "", processor = null;

        // All text goes in as text: names, errors and addresses come from outside.
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
        // Lists are exchanged only where they differ: what is selected or scrolled stays so.
        function list(element, key, rows) {
          if (element.dataset.key === key) return;
          element.dataset.key = key;
          element.replaceChildren(...rows());
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
        const clock = (time) => new Date(time).toLocaleTimeString([], { hourCycle: "h23" });
        const count = (n) => n.toLocaleString("en");
        const plural = (n, word) => `${count(n)} ${word}${n === 1 ? "" : "s"}`;
        const duration = (s) => s >= 10 ? `${s.toFixed(0)} s` : s >= 1 ? `${s.toFixed(2)} s` : `${(s * 1000).toFixed(0)} ms`;

        function card(name) {
          let known = streams.get(name);
          if (known) return known;
          const article = byId("stream").content.firstElementChild.cloneNode(true);
          article.dataset.stream = name;
          article.setAttribute("aria-label", name);
          text(article, ".name", name);
          const picture = article.querySelector(".picture");
          picture.querySelector("img").alt = `live picture of ${name}`;
          picture.addEventListener("click", () =>
            picture.setAttribute("aria-pressed", String(article.classList.toggle("large"))));
          byId("streams").append(article);
          known = { article, picture, history: [], frame: null, busy: false, url: null, next: 0, state: null };
          streams.set(name, known);
          return known;
        }
        function forget(name, known) {
          known.article.remove();
          if (known.url) URL.revokeObjectURL(known.url);
          streams.delete(name);
        }

        // The rate over the last few answers, a second.
        function rate(known, key) {
          const first = known.history[0], last = known.history[known.history.length - 1];
          const time = last.at - first.at;
          return time > 0 ? Math.max(0, last.frames[key] - first.frames[key]) / time : 0;
        }

        function show(known, stream) {
          const { article, picture } = known;
          known.history.push({ at: performance.now() / 1000, frames: stream.frames });
          if (known.history.length > 6) known.history.shift();
          if (known.state !== null && known.state !== stream.state) byId("news").textContent = `${stream.name}: ${stream.state}`;
          known.state = stream.state;
          const state = text(article, ".state", stream.state);
          state.dataset.state = stream.state;
          state.title = `since ${new Date(stream.since).toLocaleString()}`;
          const parts = [stream.source];
          if (stream.width) parts.push(`${stream.width}\u00a0×\u00a0${stream.height}`);
          if (stream.source_rate) parts.push(`${+stream.source_rate.toFixed(2)}\u00a0frames/s`);
          text(article, ".source", [...parts, stream.policy].join(" · "));
          if (stream.width) picture.style.aspectRatio = `${stream.width} / ${stream.height}`;
          const isWell = stream.state === "running" || stream.state === "ended";
          picture.classList.toggle("old", stream.state !== "running");
          text(article, ".error", isWell ? "" : stream.last_error || "").hidden = isWell || !stream.last_error;

          const figure = (key, value, note) => {
            text(article, "." + key, value);
            article.querySelector("." + key).append(make("small", note));
          };
          for (const key of ["in", "inferred", "dropped"]) {
            figure(key, `${rate(known, key).toFixed(1)}/s`, count(stream.frames[key]));
          }
          article.querySelector(".dropped").parentElement.title = stream.drops.filter((drop) => drop.count)
            .map((drop) => `${drop.stage}: ${count(drop.count)}, ${drop.reason}`).join("\n");
          for (const key of ["latency", "inference"]) {
            const times = stream[key];
            figure(key, times.count ? duration(times.median) : "–", times.count ? `95 %: ${duration(times.p95)}` : "no frame yet");
          }
          figure("reconnects", count(stream.reconnects), stream.restarts ? plural(stream.restarts, "restart") : `${stream.state} `
            + span(Math.max(0, (Date.now() - new Date(stream.since)) / 1000)));

          const counts = {};
          for (const track of stream.tracks) counts[track.category] = (counts[track.category] || 0) + 1;
          text(article, ".classes", Object.entries(counts).sort().map(([name, n]) => `${n} ${name}`).join(", ") || "none");
          article.querySelector("table").hidden = !stream.tracks.length;
          list(article.querySelector("tbody"), JSON.stringify(stream.tracks), () => stream.tracks.slice(0, 100).map((track) => {
            const row = document.createElement("tr");
            const [x, y, w, h] = track.bbox.map(Math.round);
            row.append(make("td", track.id === undefined ? "–" : String(track.id)), make("td", track.category),
              make("td", track.score.toFixed(2), "number"),
              make("td", `${Math.round(x + w / 2)}, ${Math.round(y + h / 2)}`, "number"), make("td", `${w} × ${h}`, "number"));
            return row;
          }));
          list(article.querySelector(".events"), JSON.stringify(stream.events), () => stream.events.slice().reverse().map((event) => {
            const item = document.createElement("li");
            const time = make("time", event.time ? clock(event.time) : `${event.pts.toFixed(1)} s`);
            if (event.time) time.dateTime = event.time;
            item.append(time, `${event.event} ${event.category} ${event.track}${event.place ? " · " + event.place : ""}`);
            return item;
          }));
          article.querySelector(".events").parentElement.hidden = !stream.events.length;
          list(article.querySelector(".outputs"), JSON.stringify(stream.outputs), () => stream.outputs.map((output) => {
            const item = document.createElement("li");
            const notes = [output.bytes !== undefined ? bytes(output.bytes) : plural(output.records, "record")];
            if (output.segments) notes.push(plural(output.segments, "file"));
            if (output.clients) notes.push(plural(output.clients, "client"));
            if (output.waiting) notes.push(`${count(output.waiting)} waiting`);
            if (output.dropped) notes.push(`${count(output.dropped)} dropped`);
            item.append(make("span", output.name), make("span", notes.join(" · "), "count"));
            if (output.state === "waiting" || output.state === "failed") {
              item.append(make("span", `${output.state}: ${output.last_error || "no reason given"}`, "bad"));
            }
            return item;
          }));
          article.querySelector(".outputs").parentElement.hidden = !stream.outputs.length;
        }

        function showService(service) {
          if (service.started !== started) {
            // Another process counts from nothing.
            for (const known of streams.values()) [known.history, known.frame] = [[], null];
            [started, processor] = [service.started, null];
          }
          const states = {};
          for (const stream of service.streams) states[stream.state] = (states[stream.state] || 0) + 1;
          text(document, "#summary", Object.entries(states).map(([state, n]) => `${n} ${state}`).join(", "));
          const now = { at: service.uptime, seconds: service.process.processor_seconds };
          const time = processor ? now.at - processor.at : 0;
          const load = time > 0 ? `${((now.seconds - processor.seconds) / time).toFixed(1)} cores` : "–";
          processor = now;
          const facts = { version: service.program.replace(/^segmentd /, ""), model: service.model,
            engine: `${service.engine} ${service.precision}`, up: span(service.uptime), memory: bytes(service.process.memory),
            processor: load };
          list(byId("service"), JSON.stringify(facts), () => Object.entries(facts).map(([key, value]) => {
            const fact = document.createElement("div");
            fact.append(make("dt", key), make("dd", value));
            return fact;
          }));
        }

        function showSilence() {
          const silence = performance.now() - lastAnswer;
          if (silence < 2000) return;
          byId("silence").textContent = `No answer since ${clock(Date.now() - silence)}; this page goes `
            + "on by itself.";
          byId("silence").hidden = false;
          for (const known of streams.values()) known.picture.classList.add("old");
        }

        async function refresh() {
          let service;
          try {
            const response = await fetch("/api/streams", { signal: AbortSignal.timeout(5000) });
            if (!response.ok) throw new Error(`status ${response.status}`);
            service = await response.json();
          } catch {
            showSilence();
            return;
          }
          lastAnswer = performance.now();
          byId("silence").hidden = true;
          showService(service);
          const names = new Set(service.streams.map((stream) => stream.name));
          for (const [name, known] of streams) if (!names.has(name)) forget(name, known);
          for (const stream of service.streams) show(card(stream.name), stream);
          byId("empty").hidden = service.streams.length > 0;
        }

        const isSeen = (known) => {
          const box = known.picture.getBoundingClientRect();
          return box.bottom > 0 && box.top < innerHeight;
        };

        // One picture at a time a stream; none where nobody sees it, nor more than the daemon should draw for one page.
        async function look(name, known, period) {
          const now = performance.now();
          if (known.busy || now < known.next || known.state !== "running") return;
          known.busy = true;
          known.next = now + period;
          try {
            const width = Math.round(known.picture.clientWidth * Math.min(2, devicePixelRatio));
            const response = await fetch(`/streams/${encodeURIComponent(name)}/picture.jpg?width=${width}`,
              { signal: AbortSignal.timeout(5000) });
            const frame = response.headers.get("X-Frame-Number");
            if (response.status !== 200 || frame === known.frame) return;
            const url = URL.createObjectURL(await response.blob());
            const image = known.picture.querySelector("img");
            image.src = url;
            await image.decode().catch(() => {});
            known.picture.classList.add("shown");
            image.dataset.frame = frame;
            if (known.url) URL.revokeObjectURL(known.url);
            [known.url, known.frame] = [url, frame];
          } catch { /* refresh says that there is no answer */ } finally { known.busy = false; }
        }

        async function repeat() {
          try {
            if (!document.hidden) await refresh();
          } finally {
            setTimeout(repeat, 1000);
          }
        }
        repeat();
        setInterval(() => {
          if (document.hidden) return;
          const seen = [...streams].filter(([, known]) => isSeen(known));
          for (const [name, known] of seen) look(name, known, Math.max(150, 70 * seen.length));
        }, 50);
        document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
        """#
}
