"""Top-level domains by which Telegram recognises a link without a scheme."""

_COUNTRIES = (
    "ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bw by bz ca cc cd"
    " cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj fk fm fo fr ga gd ge"
    " gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh"
    " ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw"
    " mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb"
    " sc sd se sg sh si sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug uk"
    " us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw"
)
_GENERIC = (
    "academy agency app art beer best biz blog books bot business cafe center chat city click cloud club codes coffee"
    " com community company cool design dev digital directory earth edu education email energy engineering events"
    " exchange expert express family finance fit foundation fun fund fyi games global gov group guide guru help host"
    " house info ink int jobs land legal life link live loan love ltd market marketing media mil mobi moda money movie"
    " museum name net network news ngo ninja one online onl org page photo photos pics plus press pro quest report rest"
    " rocks run sale school science services shop show site social software solutions space store stream studio style"
    " support systems team tech technology tel tips today tools top tours trade training travel university video vip"
    " watch web wiki win wine work works world xyz zone"
)

TOP_LEVEL_DOMAINS = frozenset(f"{_COUNTRIES} {_GENERIC}".split())
"""All of the countries, and the generic ones that are frequent; a link with a scheme may have any."""
