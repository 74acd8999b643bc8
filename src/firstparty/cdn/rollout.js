// Which hosts the library finds: the domain's for a share of the visitors, the default ones for
// the others. A visitor is known by the anonymous id, so that every load decides the same.
!function (share, hosts, others) {
  var key = "ajs_anonymous_id", name = "analytics";
  var element = document.querySelector("script[data-global-segment-analytics-key]");
  if (element) name = element.getAttribute("data-global-segment-analytics-key") || name;

  function readCookie(cookie) {
    var found = document.cookie.match("(?:^|; )" + cookie + "=([^;]*)");
    try { return found ? decodeURIComponent(found[1]) : ""; } catch (_) { return ""; }
  }
  function readStorage() {
    try { return localStorage.getItem(key) || ""; } catch (_) { return ""; }
  }
  // Where the library looks, in its order; _sio is what its first version left.
  function readId() {
    var id = readCookie(key) || readStorage() || readCookie("_sio").split("----")[0];
    return id.replace(/^"|"$$/g, "");
  }
  // A new visitor: the library is told the id that was decided by.
  function makeId() {
    var id = "10000000-1000-4000-8000-100000000000".replace(/[018]/g, function (digit) {
      return (digit ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (digit / 4)))).toString(16);
    });
    if (window[name] && window[name].unshift) window[name].unshift(["setAnonymousId", id]);
    return id;
  }
  // FNV-1a, 32 bits.
  function isWithin(id) {
    for (var i = 0, hash = 2166136261; i < id.length; i++) {
      hash = Math.imul(hash ^ id.charCodeAt(i), 16777619);
    }
    return (hash >>> 0) % 100 < share;
  }

  var chosen = share > 0 && isWithin(readId() || makeId()) ? hosts : others;
  // The library freezes the CDN that it finds at window.analytics, whatever the global's name.
  var there = window.analytics, holder = there || {}, before = holder._cdn;
  holder._cdn = chosen[0];
  window.analytics = holder;
  var firstpartyApi = chosen[1];

$library

  if (!there && window.analytics === holder) delete window.analytics;
  else if (name !== "analytics") holder._cdn = before;
}($share, [$cdn, $api], [$default_cdn, $default_api]);
