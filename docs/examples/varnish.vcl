# Varnish (7.1 or later) before Millrace's live delivery: one request at the origin for whatever many viewers want, and what
# grows, DASH's newest segment, goes to all of them as it comes. It speaks no TLS: nginx does before it (nginx-delivery.conf,
# whose millrace_segments is then this server), or another proxy. To be changed: the origin. Started as
# varnishd -a 127.0.0.1:6081 -f /etc/varnish/millrace.vcl -s malloc,1g
# docs/delivery.md says why each line is there. tests/e2e/growing_test.py runs this very file.
vcl 4.1;

backend millrace {
    .host = "127.0.0.1";    # packaging's HLS_PORT
    .port = "8000";
    # A playlist, a part or a segment waits for three target durations, of at most 12 s.
    .first_byte_timeout = 60s;
    .between_bytes_timeout = 60s;
}

sub vcl_recv {
    # Streams without an end: FLV, also over WebSocket. Each viewer has a connection to the origin.
    if (req.url ~ "^/live/[^/]+(\.flv|/live\.flv)(\?|$)") {
        return (pipe);
    }
    # What is in the cache is chosen by the request's line as it was sent, for that is what the origin reads. Only what is
    # written in the one usual way is kept. What players tell of themselves (CMCD) is no part of it.
    set req.http.X-Millrace-Key = regsub(regsub(regsub(req.url,
        "^([^?#]*)\?CMCD=[^&#]*$", "\1"),
        "^([^?#]*\?)CMCD=[^&#]*&([^#]+)$", "\1\2"),
        "^([^?#]*\?[^#]+)&CMCD=[^&#]*((&[^#]+)?)$", "\1\2");
    # Private streams' objects, with a token or a bearer token, are their viewer's own.
    if ((req.method != "GET" && req.method != "HEAD") || req.http.Authorization) {
        return (pass);
    }
    if (req.http.X-Millrace-Key !~ "^/(live|streams)(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*){3}\.(m4s|mp4)$" &&
        req.http.X-Millrace-Key !~ "^/(live|streams)(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*){1,2}/(index\.m3u8|master\.m3u8|dvr\.m3u8|manifest\.mpd|dvr\.mpd)(\?ll=0)?$" &&
        req.http.X-Millrace-Key !~ "^/(live|streams)(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*){2}/index\.m3u8\?_HLS_msn=(0|[1-9][0-9]{0,14})(&_HLS_part=(0|[1-9][0-9]{0,5}))?(&_HLS_skip=(YES|v2))?$" &&
        req.http.X-Millrace-Key !~ "^/(live|streams)(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*){2}/(index|dvr)\.m3u8\?_HLS_skip=(YES|v2)$") {
        return (pass);
    }
    unset req.http.Cookie;
    return (hash);
}

sub vcl_hash {
    hash_data(req.http.X-Millrace-Key);
    hash_data(req.http.Host);
    return (lookup);
}

sub vcl_pipe {
    set bereq.http.Connection = "close";
    if (req.http.Upgrade) {
        set bereq.http.Upgrade = req.http.Upgrade;
        set bereq.http.Connection = "upgrade";
    }
}

sub vcl_backend_fetch {
    unset bereq.http.X-Millrace-Key;
}

sub vcl_backend_response {
    # How long is what the origin says, and not a moment more: no old list while a new one is fetched, nothing missing that
    # is there by now.
    set beresp.grace = 0s;
    set beresp.keep = 0s;
    # 400, 503, what is private: nobody waits for another one's, but the next that may be kept is.
    if (beresp.http.Cache-Control ~ "no-store|private" || beresp.ttl <= 0s) {
        set beresp.ttl = 1s;
        set beresp.uncacheable = true;
    }
    # To all who want it as it comes, the built-in way. A body that ends too early is not kept.
    set beresp.do_stream = true;
    return (deliver);
}

sub vcl_deliver {
    # It was kept here for its second; a cache in front is not to keep it for one more.
    if (resp.status == 404 || resp.status == 410) {
        set resp.http.Cache-Control = "no-store";
    }
    unset resp.http.Via;
    unset resp.http.X-Varnish;
    set resp.http.X-Cache = "MISS";
    if (obj.uncacheable) {
        set resp.http.X-Cache = "BYPASS";
    } elsif (obj.hits > 0) {
        set resp.http.X-Cache = "HIT";
    }
}
