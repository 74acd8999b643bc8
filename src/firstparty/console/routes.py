"""Every address of the console: method, path and page. The first that fits answers."""

from typing import Final

from firstparty.console import (
    audit,
    debugger,
    dns_admin,
    doctor,
    domain,
    domain_list,
    domain_move,
    invitations,
    messages,
    people,
    proxies,
    sign_in,
    single_sign_on,
    source_hosts,
    source_pages,
    source_policy,
    source_privacy,
    source_settings,
    tokens,
)
from firstparty.console.rim import Page

Route = tuple[str, str, Page]

_WORKSPACE = "/workspaces/{workspace_id}"
_DOMAIN = f"{_WORKSPACE}/domains/{{domain_id}}"
_SOURCE = f"{_WORKSPACE}/sources/{{source_id}}"

PAGES: Final[tuple[Route, ...]] = (
    ("GET", "/", sign_in.show_start),
    ("POST", "/sign-out", sign_in.sign_out),
    ("GET", f"{_WORKSPACE}/domains", domain_list.show_domains),
    ("GET", f"{_WORKSPACE}/domains/new", domain_list.show_new_domain),
    ("POST", f"{_WORKSPACE}/domains/new", domain_list.add_domain),
    ("GET", f"{_WORKSPACE}/domains/name", domain_list.check_name),
    ("GET", _DOMAIN, domain.show_domain),
    ("GET", f"{_DOMAIN}/watch", domain.watch_domain),
    ("POST", f"{_DOMAIN}/check", domain.check_domain),
    ("POST", f"{_DOMAIN}/pause", domain.pause_domain),
    ("POST", f"{_DOMAIN}/resume", domain.resume_domain),
    ("POST", f"{_DOMAIN}/dns-link", dns_admin.make_link),
    ("GET", f"{_DOMAIN}/checks", doctor.show_domain_checks),
    ("POST", f"{_DOMAIN}/checks", doctor.examine_domain),
    ("GET", f"{_DOMAIN}/move", domain_move.ask_to_move),
    ("POST", f"{_DOMAIN}/move", domain_move.move),
    ("GET", f"{_DOMAIN}/remove", domain.ask_to_remove),
    ("POST", f"{_DOMAIN}/remove", domain.remove_domain),
    ("GET", f"{_WORKSPACE}/sources", source_pages.show_sources),
    ("GET", f"{_WORKSPACE}/sources/new", source_pages.show_new_source),
    ("POST", f"{_WORKSPACE}/sources/new", source_pages.add_source),
    ("GET", _SOURCE, source_pages.show_source),
    ("GET", f"{_SOURCE}/settings", source_settings.show_settings),
    ("POST", f"{_SOURCE}/settings", source_settings.save_settings),
    ("GET", f"{_SOURCE}/hosts", source_hosts.show_hosts),
    ("POST", f"{_SOURCE}/hosts", source_hosts.save_share),
    ("GET", f"{_SOURCE}/privacy", source_privacy.show_privacy),
    ("POST", f"{_SOURCE}/privacy", source_privacy.save_privacy),
    ("GET", f"{_SOURCE}/policy", source_policy.show_policy),
    ("POST", f"{_SOURCE}/policy", source_policy.check_policy),
    ("GET", f"{_WORKSPACE}/messages", debugger.show_debugger),
    ("GET", f"{_WORKSPACE}/messages/stream", debugger.stream_messages),
    ("GET", f"{_WORKSPACE}/messages/ledger", messages.show_ledger),
    ("GET", f"{_WORKSPACE}/messages/dead", messages.show_dead),
    ("POST", f"{_WORKSPACE}/messages/dead/replay", messages.replay_dead),
    ("GET", f"{_WORKSPACE}/proxies", proxies.show_generator),
    ("GET", f"{_WORKSPACE}/proxies/check", proxies.show_check),
    ("POST", f"{_WORKSPACE}/proxies/check", proxies.check),
    ("GET", f"{_WORKSPACE}/page-check", doctor.show_address_checks),
    ("POST", f"{_WORKSPACE}/page-check", doctor.examine_address),
    ("GET", f"{_WORKSPACE}/people", people.show_people),
    ("POST", f"{_WORKSPACE}/people", people.invite),
    ("POST", f"{_WORKSPACE}/people/{{person_id}}/role", people.change_role),
    ("POST", f"{_WORKSPACE}/people/{{person_id}}/remove", people.remove),
    ("POST", f"{_WORKSPACE}/invitations/{{invitation_id}}/withdraw", people.withdraw),
    ("GET", f"{_WORKSPACE}/audit", audit.show_audit),
    ("GET", f"{_WORKSPACE}/tokens", tokens.show_tokens),
    ("POST", f"{_WORKSPACE}/tokens", tokens.add_token),
    ("POST", f"{_WORKSPACE}/tokens/{{token_id}}/revoke", tokens.revoke_token),
)
OPEN_PAGES: Final[tuple[Route, ...]] = (
    ("GET", "/sign-in", sign_in.show_sign_in),
    ("POST", "/sign-in", sign_in.sign_in),
    ("GET", "/sign-in/oidc", single_sign_on.begin),
    ("GET", "/sign-in/oidc/back", single_sign_on.finish),
    ("GET", "/invitations/{secret}", invitations.show_invitation),
    ("POST", "/invitations/{secret}", invitations.accept_invitation),
    ("GET", "/dns/{secret}", dns_admin.show_dns),
    ("GET", "/dns/{secret}/live", dns_admin.watch_dns),
)
