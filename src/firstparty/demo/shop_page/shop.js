// What the shop page shows of its own analytics. It comes before the snippet, so that it sees
// every request; nothing of it is needed by the snippet.
(function () {
  "use strict";
  var facts = document.currentScript.dataset;
  var rows = new Map(); // by messageId: {row cells, sentAt, accepted, arrived}
  var hosts = new Map();
  var counts = { sent: 0, accepted: 0, arrived: 0, leaks: 0 };
  var next = 0;

  function byId(id) { return document.getElementById(id); }
  function whenThere(act) {
    if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", act);
    else act();
  }
  function count(name) { counts[name] += 1; whenThere(function () { byId(name).textContent = counts[name]; }); }

  function cell(row, state, text) {
    var step = document.createElement("span");
    step.className = "step " + state;
    step.textContent = text;
    row.appendChild(document.createElement("td")).appendChild(step);
    return step;
  }
  function mark(step, state, text) { step.className = "step " + state; step.textContent = text; }

  function addMessage(message, sentAt) {
    var known = rows.get(message.messageId);
    if (known) return known;
    var row = document.createElement("tr");
    var name = row.appendChild(document.createElement("td"));
    name.textContent = message.type + (message.event || message.name ? " · " + (message.event || message.name) : "");
    var id = name.appendChild(document.createElement("small"));
    id.textContent = message.messageId.slice(-12);
    id.title = message.messageId;
    known = {
      sentAt: sentAt,
      from: cell(row, "done", sentAt.toLocaleTimeString()),
      edge: cell(row, "", "on its way"),
      upstream: cell(row, "", "waiting")
    };
    rows.set(message.messageId, known);
    count("sent");
    whenThere(function () {
      var empty = byId("messages").querySelector(".empty");
      if (empty) empty.remove();
      byId("messages").prepend(row);
    });
    return known;
  }

  // Every message goes through fetch: note it on its way out, and what the edge answered.
  var send = window.fetch;
  window.fetch = function (resource, options) {
    var answer = send.apply(window, arguments);
    var url = String(resource && resource.url ? resource.url : resource);
    if (url.indexOf(facts.api + "/v1/") !== 0 || !options || typeof options.body !== "string") return answer;
    var message;
    try { message = JSON.parse(options.body); } catch (error) { return answer; }
    if (!message.messageId) return answer;
    var sentAt = new Date(), known = addMessage(message, sentAt);
    answer.then(function (response) {
      if (!response.ok) return mark(known.edge, "failed", String(response.status));
      if (!known.accepted) count("accepted");
      known.accepted = true;
      mark(known.edge, "done", "200 after " + (Date.now() - sentAt) + " ms");
    }, function () { mark(known.edge, "failed", "no answer; tried again"); });
    return answer;
  };

  async function lookUpstream() {
    try {
      var query = "/received?after=" + next + "&write_key=" + encodeURIComponent(facts.writeKey);
      var received = await (await send.call(window, facts.upstream + query)).json();
      next = received.next;
      received.messages.forEach(function (line) {
        var known = rows.get(line.message.messageId);
        if (!known || known.arrived) return;
        known.arrived = true;
        count("arrived");
        mark(known.upstream, "done", "arrived after " + Math.max(0, Date.parse(line.received_at) - known.sentAt) + " ms");
      });
    } catch (error) { /* the upstream may be down: that is part of the demo */ }
    setTimeout(lookUpstream, 300);
  }

  function showHosts() {
    var list = byId("hosts");
    list.textContent = "";
    hosts.forEach(function (number, host) {
      var item = document.createElement("li");
      item.textContent = host;
      item.appendChild(document.createElement("b")).textContent = number;
      if (/segment/.test(host)) item.className = "bad";
      list.appendChild(item);
    });
    byId("leaks-figure").className = counts.leaks ? "bad" : "";
  }
  new PerformanceObserver(function (list) {
    list.getEntries().forEach(function (entry) {
      var url = new URL(entry.name);
      if (url.origin === facts.upstream) return; // this page looking, not the library
      hosts.set(url.host, (hosts.get(url.host) || 0) + 1);
      if (/segment/.test(url.host)) count("leaks");
    });
    whenThere(showHosts);
  }).observe({ type: "resource", buffered: true });

  function showHelp() { whenThere(function () { byId("unreachable").hidden = false; }); }
  window.addEventListener("error", function (event) {
    var source = event.target && event.target.src;
    if (source && source.indexOf(facts.cdn) === 0) showHelp();
  }, true);

  document.addEventListener("click", function (event) {
    var button = event.target.closest("button");
    if (!button) return;
    var data = button.dataset;
    if (data.track) analytics.track(data.track, { product: data.product, price: Number(data.price), currency: "EUR" });
    if (data.page) analytics.page(data.page);
    if (data.identify) analytics.identify("ada", { email: data.identify, name: "Ada" });
    if (data.copy) navigator.clipboard.writeText(byId(data.copy).textContent).then(function () {
      button.textContent = "Copied";
    });
  });
  lookUpstream();
})();
