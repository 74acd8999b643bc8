// What the page has become, as JSON. Everything is cut short: a page may hold anything.
(function (names) {
  var cut = function (value, most) {
    return typeof value === "string" ? value.slice(0, most) : "";
  };
  var scripts = [];
  var elements = document.getElementsByTagName("script");
  for (var i = 0; i < elements.length && scripts.length < 300; i++) {
    var text = elements[i].src ? "" : cut(elements[i].textContent, 30000);
    var isOfAnalytics = /analytics|_writeKey|segment/i.test(text);
    if (!elements[i].src && !isOfAnalytics) continue;
    scripts.push({
      src: cut(elements[i].src, 500),
      text: text,
      global_name: cut(elements[i].getAttribute("data-global-segment-analytics-key"), 60)
    });
  }
  var metas = [];
  var all = document.querySelectorAll("meta[http-equiv]");
  for (var j = 0; j < all.length && metas.length < 10; j++) {
    if (cut(all[j].httpEquiv, 60).toLowerCase() === "content-security-policy") {
      metas.push(cut(all[j].content, 8000));
    }
  }
  return JSON.stringify({
    url: cut(location.href, 2000),
    metas: metas,
    scripts: scripts,
    globals: names.filter(function (name) { return typeof window[name] !== "undefined"; })
  });
})(NAMES)
